//! What a pipeline makes of a sink's description.

use std::sync::Mutex;

use super::live::{self, Live};
use super::{Kind, Shape, Sink};
use crate::drain::sync::SyncPolicy;
use crate::error::Error;
use crate::filter::SinkFilter;
use crate::format::access::AccessFormat;
use crate::format::json::JsonFormat;
use crate::format::text::TextFormat;
use crate::format::{Details, Format, colour};
use crate::pipeline::SinkPlan;
use crate::sink::{FilePlan, Target};

impl Sink {
    pub(in crate::config) fn plan(self, name: &str) -> Result<SinkPlan, Error> {
        let target = self.target(name)?;
        let is_coloured = colour::is_wanted(target.is_terminal(), |name| std::env::var_os(name));
        let (shape, details) = (self.shape, self.details);
        let filter = self.level.as_deref().map(SinkFilter::parse).transpose()?;
        let format = move || -> Box<dyn Format> {
            match shape {
                Shape::Json => Box::new(JsonFormat::new(details)),
                Shape::Text => Box::new(TextFormat::new(is_coloured, details)),
                Shape::CommonLog => Box::new(AccessFormat::new(false)),
                Shape::CombinedLog => Box::new(AccessFormat::new(true)),
            }
        };
        let description = description(shape, details);
        Ok(SinkPlan {
            format: Box::new(format),
            filter: filter.unwrap_or_default().for_format(&description),
            sync: match target {
                Target::File(_) => self.sync,
                // There is nothing that lines would have to be kept for.
                _ => SyncPolicy::Never,
            },
            target,
            description,
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

/// How lines look, in words.
fn description(shape: Shape, details: Details) -> String {
    let shape = match shape {
        Shape::Json => "json",
        Shape::Text => "text",
        Shape::CommonLog => "common",
        Shape::CombinedLog => "combined",
    };
    let details = [
        (details.thread, "thread"),
        (details.location, "location"),
        (details.process, "process"),
        (details.sequence, "sequence"),
    ];
    let details = details.iter().filter(|(is_wanted, _)| *is_wanted);
    let words = [shape].into_iter().chain(details.map(|(_, word)| *word));
    words.collect::<Vec<_>>().join(" ")
}
