//! What a pipeline makes of a sink's description.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::live::{self, Live};
use super::{Kind, Sink};
use crate::config::{Colour, FieldValue, Format};
use crate::drain::sync::SyncPolicy;
use crate::error::Error;
use crate::filter::SinkFilter;
use crate::format::colour;
use crate::pipeline::SinkPlan;
use crate::sink::{FilePlan, Target};

impl Sink {
    /// `fields` are those of all sinks.
    pub(in crate::config) fn plan(
        self,
        name: &str,
        fields: &BTreeMap<String, FieldValue>,
    ) -> Result<SinkPlan, Error> {
        if let Some(problem) = self.format.problems().into_iter().next() {
            return Err(problem);
        }
        let target = self.target(name)?;
        let filter = self.level.as_deref().map(SinkFilter::of_user).transpose()?;
        let format = settle_colour(self.format.with_common_fields(fields), target.is_terminal());
        Ok(SinkPlan {
            name: name.to_owned(),
            filter: filter.unwrap_or_default().for_format(&format),
            format,
            sync: match target {
                Target::File(_) => self.sync,
                // There is nothing that lines would have to be kept for.
                _ => SyncPolicy::Never,
            },
            target,
            directives: self.level,
        })
    }

    fn target(&self, name: &str) -> Result<Target, Error> {
        let lacks = |what| Error::IncompleteSink {
            name: name.to_owned(),
            what,
        };
        Ok(match (self.kind, &self.live) {
            (Kind::File, _) => Target::File(self.file_plan(name)?),
            (Kind::Stdout, _) => Target::Stdout,
            (Kind::Stderr, _) => Target::Stderr,
            (Kind::Writer, Some(Live::Writer(writer))) => {
                Target::Writer(Mutex::new(live::take(writer)))
            }
            (Kind::Writer, _) => return Err(lacks("a writer")),
            (Kind::Memory, Some(Live::Memory(memory))) => Target::Memory(memory.clone()),
            (Kind::Memory, _) => return Err(lacks("a memory")),
        })
    }

    fn file_plan(&self, name: &str) -> Result<FilePlan, Error> {
        let path = self.path.clone().ok_or_else(|| Error::IncompleteSink {
            name: name.to_owned(),
            what: "a path",
        })?;
        let mut plan = FilePlan::new(path);
        plan.mode = self.mode.0;
        plan.rotation = self.rotation.rules()?;
        plan.care.retention = self.retention;
        plan.care.compression = self.compression;
        Ok(plan)
    }
}

/// What the terminal and the environment have to do with a format: nothing, from here on.
fn settle_colour(format: Format, is_terminal: bool) -> Format {
    if format.options().colour != Colour::Auto {
        return format;
    }
    let is_wanted = colour::is_wanted(is_terminal, |name| std::env::var_os(name));
    format.colour(if is_wanted {
        Colour::Always
    } else {
        Colour::Never
    })
}
