//! Fields with prepared keys.

use super::super::line::{Line, Piece};
use super::draft::Draft;
use super::ids::Id;
use super::keys::{Key, Prepared, Seen, Sighting};
use super::names::Role;
use super::syntax::Syntax;
use super::{Again, Plan};
use crate::capture::record::{PlacedFields, Record, Value};

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
) -> PlacedFields<'a> {
    let Some(place) = prepared.message else {
        line.push_piece(missing);
        return record.placed_fields();
    };
    let mut fields = record.placed_fields();
    let mut is_first = true;
    while let Some(head) = fields.next_head() {
        let Some(value) = fields.take_value(head) else {
            break;
        };
        if head.place == Some(place) {
            line.push_piece(key);
            syntax.push_message(&value, line);
            if !is_first {
                return record.placed_fields();
            }
            if let Some(key) = prepared.keys.get(place) {
                seen.mark(place, key);
            }
            return fields;
        }
        is_first = false;
    }
    line.push_piece(missing);
    record.placed_fields()
}

/// Says how many fields are hidden behind those of inner scopes.
#[inline]
pub(super) fn write_fields<S: Syntax>(
    plan: &Plan<S>,
    prepared: &Prepared,
    mut fields: PlacedFields<'_>,
    draft: &mut Draft,
) -> Result<usize, Again> {
    let mut hidden = 0;
    if prepared.is_ambiguous {
        return Err(Again::Ambiguous);
    }
    while let Some(head) = fields.next_head() {
        let place = head.place.ok_or(Again::Ambiguous)?;
        let Some(key) = prepared.keys.get(place) else {
            break;
        };
        let is_shown = match key.role {
            Role::Origin => false,
            role => match draft.seen.mark(place, key) {
                Sighting::First => role != Role::Message,
                Sighting::InInnerScope => {
                    hidden += 1;
                    false
                }
                Sighting::InSameScope => return Err(Again::Ambiguous),
            },
        };
        if !is_shown {
            fields.take_value(head);
            continue;
        }
        if let Role::Id(digits) = key.role {
            if let Some(value) = fields.take_value(head) {
                write_id(plan, key, digits, &value, draft);
            }
            continue;
        }
        draft.line.push_piece(&key.piece);
        let Some(value) = fields.take_value(head) else {
            draft.line.take_back(key.piece.len());
            break;
        };
        plan.syntax.push_value(&value, &mut draft.line);
    }
    Ok(hidden)
}

#[inline(never)]
fn write_id<S: Syntax>(
    plan: &Plan<S>,
    key: &Key,
    digits: usize,
    value: &Value<'_>,
    draft: &mut Draft,
) {
    let id = Id::of(value, digits, plan.keys.names.ids);
    let (key, line) = (key.piece.to_vec(), &mut draft.line);
    id.push(plan.syntax, value, &key, line, &mut draft.outside);
}
