//! What is prepared once per callsite, so that a line is mostly copied.

use super::value::push_name;
use super::{TextFormat, colour, escape};
use crate::capture::callsite::Callsite;
use crate::capture::record::is_log_origin;
use crate::format::line::{Line, Piece};

/// A callsite as people see it.
#[derive(Debug)]
pub(super) struct Prepared {
    /// What stands between the time and the message.
    pub(super) head: Piece,
    /// One for each declared field.
    pub(super) names: Box<[Name]>,
}

/// A field's name.
#[derive(Debug)]
pub(super) enum Name {
    /// With the separator before it, and the sign behind it.
    Field(Piece),
    Message,
    /// It is the true target or place of a record of the `log` crate, and no field.
    Origin,
}

/// The prepared callsites, by the callsite's index.
#[derive(Debug)]
pub(super) struct Names {
    /// What stands before each field.
    pub(super) separator: &'static [u8],
    is_coloured: bool,
    prepared: Vec<Option<Box<Prepared>>>,
}

impl Names {
    pub(super) fn new(separator: &'static [u8], is_coloured: bool) -> Self {
        Names {
            separator,
            is_coloured,
            prepared: Vec::new(),
        }
    }

    #[inline]
    pub(super) fn of(&mut self, callsite: &Callsite) -> &Prepared {
        if self.prepared.len() <= callsite.index() {
            self.prepared.resize_with(callsite.index() + 1, || None);
        }
        let (separator, is_coloured) = (self.separator, self.is_coloured);
        self.prepared[callsite.index()]
            .get_or_insert_with(|| Box::new(prepare(callsite, separator, is_coloured)))
    }
}

#[cold]
fn prepare(callsite: &Callsite, separator: &[u8], is_coloured: bool) -> Prepared {
    let name_of = |name: &str| match name {
        "message" => Name::Message,
        _ if callsite.is_log && is_log_origin(name) => Name::Origin,
        _ => {
            let mut line = Line::default();
            line.push_slice(separator);
            push_name(name, &mut line);
            line.push(b'=');
            Name::Field(Piece::new(line.as_bytes()))
        }
    };
    let mut head = Line::default();
    write_head(callsite, callsite.origin().target, is_coloured, &mut head);
    Prepared {
        head: Piece::new(head.as_bytes()),
        names: callsite
            .facts
            .fields
            .iter()
            .map(|name| name_of(name))
            .collect(),
    }
}

/// Level and target.
pub(super) fn write_head(callsite: &Callsite, target: &str, is_coloured: bool, line: &mut Line) {
    let level = callsite.facts.level;
    let paint = |code: &str, line: &mut Line| TextFormat::paint_if(is_coloured, code, line);
    // The longest level has five letters.
    line.push_slice(if level.as_str().len() < 5 {
        b"  "
    } else {
        b" "
    });
    paint(colour::of_level(level), line);
    line.push_slice(level.as_str().as_bytes());
    paint(colour::PLAIN, line);
    line.push(b' ');
    paint(colour::DIM, line);
    escape::push_bare(target.into(), line);
    line.push(b':');
    paint(colour::PLAIN, line);
}
