//! Fields with prepared keys.

use super::super::line::{Line, Piece};
use super::Ambiguous;
use super::ids::Id;
use super::keys::{Prepared, Seen, Sighting};
use super::names::{Ids, Role};
use super::syntax::Syntax;
use crate::capture::record::{Fields, Record};

/// Writes the message, if there is one, and gives the fields that are left to write, among them the
/// message again if it was not the first.
#[inline]
pub(super) fn write_message<'a, S: Syntax>(
    syntax: S,
    prepared: &Prepared,
    record: &Record<'a>,
    (key, missing): (&Piece, &Piece),
    seen: &mut Seen,
    line: &mut Line,
) -> Fields<'a> {
    let Some(place) = prepared.message else {
        line.push_piece(missing);
        return record.fields();
    };
    let mut fields = record.fields();
    let mut is_first = true;
    while let Some(head) = fields.next_head() {
        let Some(value) = fields.take_value(head) else {
            break;
        };
        if head.place == Some(place) {
            line.push_piece(key);
            syntax.push_message(&value, line);
            if !is_first {
                return record.fields();
            }
            if let Some(key) = prepared.keys.get(place) {
                seen.mark(key.number);
            }
            return fields;
        }
        is_first = false;
    }
    line.push_piece(missing);
    record.fields()
}

/// Says how many fields are hidden behind those of inner scopes.
#[inline]
pub(super) fn write_fields<S: Syntax>(
    syntax: S,
    prepared: &Prepared,
    mut fields: Fields<'_>,
    seen: &mut Seen,
    (line, outside, ids): (&mut Line, &mut Line, Ids),
) -> Result<usize, Ambiguous> {
    let mut hidden = 0;
    if prepared.is_ambiguous {
        return Err(Ambiguous);
    }
    while let Some(head) = fields.next_head() {
        let place = head.place.ok_or(Ambiguous)?;
        let Some(key) = prepared.keys.get(place) else {
            break;
        };
        let is_shown = match key.role {
            Role::Origin => false,
            role => match seen.mark(key.number) {
                Sighting::First => role != Role::Message,
                Sighting::InInnerScope => {
                    hidden += 1;
                    false
                }
                Sighting::InSameScope => return Err(Ambiguous),
            },
        };
        if !is_shown {
            fields.take_value(head);
            continue;
        }
        line.push_piece(&key.piece);
        let Some(value) = fields.take_value(head) else {
            line.take_back(key.piece.len());
            break;
        };
        if let Role::Id(digits) = key.role {
            line.take_back(key.piece.len());
            let id = Id::of(&value, digits, ids);
            id.push(syntax, &value, &key.piece.to_vec(), line, outside);
        } else {
            syntax.push_value(&value, line);
        }
    }
    Ok(hidden)
}
