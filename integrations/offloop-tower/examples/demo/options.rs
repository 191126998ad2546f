//! The command line.

use std::path::PathBuf;
use std::str::FromStr;

use crate::Failure;
use crate::logger::Contender;
use crate::schedule::{LENGTH, STALL};

pub(crate) const HELP: &str = "\
A web server under load whose log's reader stands still for three seconds.

  --events-per-request N   log events of one request, beside the middleware's record (5)
  --rate N                 requests a second (1000)
  --only NAME,NAME         of: off, sync, appender-lossless, appender, offloop";

const EVENTS_PER_REQUEST_DEFAULT: u64 = 5;
const RATE_DEFAULT: u64 = 1000;

pub(crate) enum Command {
    Help,
    /// What a child process does: it serves with one logger.
    Serve {
        contender: Contender,
        fifo: PathBuf,
        events: u64,
    },
    Contest(Options),
}

pub(crate) struct Options {
    pub(crate) contenders: Vec<Contender>,
    pub(crate) events_per_request: u64,
    pub(crate) requests_per_second: u64,
}

impl Command {
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut options = Options::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--help" | "-h" => return Ok(Self::Help),
                "serve" => {
                    let contender = next(&mut arguments)?;
                    let fifo = next(&mut arguments)?;
                    return Ok(Self::Serve {
                        contender,
                        fifo,
                        events: next(&mut arguments)?,
                    });
                }
                "--events-per-request" => options.events_per_request = next(&mut arguments)?,
                "--rate" => options.requests_per_second = next::<u64>(&mut arguments)?.max(1),
                "--only" => options.contenders = contenders(&next::<String>(&mut arguments)?)?,
                other => return Err(format!("unknown argument {other:?}, try --help").into()),
            }
        }
        Ok(Self::Contest(options))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            contenders: Contender::ALL.to_vec(),
            events_per_request: EVENTS_PER_REQUEST_DEFAULT,
            requests_per_second: RATE_DEFAULT,
        }
    }
}

impl Options {
    pub(crate) fn describe(&self) -> String {
        format!(
            "An axum server with 2 worker threads gets {} requests a second for {:.1} s, each \
             logs {} events\nand the middleware's record. The log is a FIFO, and its reader \
             stands still for {} s in the middle.",
            self.requests_per_second,
            LENGTH.as_secs_f64(),
            self.events_per_request,
            (STALL.end - STALL.start).as_secs(),
        )
    }
}

fn next<T>(arguments: &mut impl Iterator<Item = String>) -> Result<T, Failure>
where
    T: FromStr<Err: Into<Failure>>,
{
    let argument = arguments
        .next()
        .ok_or("the last argument needs a value, try --help")?;
    argument.parse().map_err(Into::into)
}

fn contenders(names: &str) -> Result<Vec<Contender>, Failure> {
    names.split(',').map(str::parse).collect()
}
