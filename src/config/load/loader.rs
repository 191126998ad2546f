//! Which file, which environment, which variables; and then the reading itself.

use std::ffi::OsString;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::document::{self, Document};
use super::layer::{ConfigSource, Layer, Layers};
use super::loaded::LoadedConfig;
use super::problem::{ConfigError, ConfigProblem};
use super::read::{self, Read};
use super::text::Text;
use super::variables;
use crate::config::origin::Origin;
use crate::config::{Fallback, environment};
use crate::error::Error;
use crate::filter::{self, directives};

/// The variable that names the file, and the file that is read where it does not.
const FILE_VARIABLE: &str = "OFFLOOP_CONFIG";
const FILE: &str = "offloop.toml";

/// More than a person writes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads a configuration: a file, the part of it for an environment, and variables.
///
/// [`Config::load`](crate::Config::load) is short for one with nothing set. Each layer overrides the
/// one before:
///
/// 1. the defaults, those that were [set](ConfigLoader::defaults) first;
/// 2. the file: the one set here, else the one that the variable `OFFLOOP_CONFIG` names, else
///    `offloop.toml` in the working directory, if it is there;
/// 3. in the file, the table of the environment, such as `[env.production]`. The environment is the
///    one set here, else the one that `OFFLOOP_ENV` names, else `APP_ENV`, else `development` where
///    the library was built with debug assertions and `production` where not. One that `OFFLOOP_ENV`
///    names, and that has no table where others have one, is [said](crate::Builder::on_error) when a
///    pipeline starts, unless it is one of these two;
/// 4. variables: `OFFLOOP__SINKS__MAIN__LEVEL=debug` sets `level` in `[sinks.main]`. Keys are in
///    any case, and stand without hyphens. Lists are separated by commas; tables are written as in
///    the file: `{ block = "1s" }`. An empty variable counts as not set.
///
/// `RUST_LOG` overrides `level` when the pipeline starts, unless `rust_log` is false.
///
/// Tables are merged key by key, everything else is replaced. A sink whose `kind` changes is
/// described anew, and so are a format whose `shape` changes, `overflow`, and a sink's `sync`. All
/// environments of the file are checked, not only the one that is chosen.
///
/// Files are TOML, whose library knows the place of each value, so that each mistake is told with its
/// line. A program that has its settings in another format reads a [`Config`](crate::Config) from that
/// by serde, with what is told there of mistakes: the first one, in the words of that format.
///
/// ```
/// # fn main() -> Result<(), offloop::Error> {
/// let text = r#"
///     [sinks.main]
///     kind = "stdout"
///     [env.production]
///     level = "warn"
/// "#;
/// let loader = offloop::ConfigLoader::new().text(text).environment("production");
/// let loaded = loader.variables([("OFFLOOP__BUDGET", "16 MiB")]).load()?;
/// assert_eq!(
///     loaded.config(),
///     offloop::builder().filter("warn").budget(16 << 20).sink(offloop::Sink::stdout().named("main")).config(),
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
#[must_use = "a loader does nothing before `load`"]
pub struct ConfigLoader {
    source: Source,
    /// What holds where nothing else is said.
    defaults: Option<String>,
    environment: Option<String>,
    /// `None`: those of the process.
    variables: Option<Vec<(String, OsString)>>,
}

/// What is read.
#[derive(Clone, Default)]
enum Source {
    #[default]
    Usual,
    File(PathBuf),
    Text(String),
}

impl ConfigLoader {
    /// Reads what is usual: see above.
    ///
    /// ```
    /// # fn main() -> Result<(), offloop::Error> {
    /// let loaded = offloop::ConfigLoader::new().load()?;
    /// # drop(loaded);
    /// # Ok(())
    /// # }
    /// ```
    pub fn new() -> Self {
        ConfigLoader::default()
    }

    /// Sets the file, which must be there.
    ///
    /// ```
    /// let loader = offloop::ConfigLoader::new().file("/etc/app/offloop.toml");
    /// # drop(loader);
    /// ```
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.source = Source::File(path.into());
        self
    }

    /// Sets a text in place of the file.
    ///
    /// ```
    /// let loader = offloop::ConfigLoader::new().text(r#"level = "debug""#);
    /// # drop(loader);
    /// ```
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.source = Source::Text(text.into());
        self
    }

    /// Sets a text whose values hold where neither the file nor the variables say otherwise, in place of
    /// the defaults.
    ///
    /// ```
    /// # fn main() -> Result<(), offloop::Error> {
    /// let loader = offloop::ConfigLoader::new().defaults(r#"level = "warn""#);
    /// let silent = loader.clone().text("").load()?;
    /// let talkative = loader.text(r#"level = "debug""#).load()?;
    /// # let of = |level: &str| offloop::builder().filter(level).config().clone();
    /// # assert_eq!((silent.config(), talkative.config()), (&of("warn"), &of("debug")));
    /// # Ok(())
    /// # }
    /// ```
    pub fn defaults(mut self, text: impl Into<String>) -> Self {
        self.defaults = Some(text.into());
        self
    }

    /// Sets the environment, whatever the variables say.
    ///
    /// ```
    /// let loader = offloop::ConfigLoader::new().environment("staging");
    /// # drop(loader);
    /// ```
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.environment = Some(name.into());
        self
    }

    /// Sets the variables, in place of those of the process.
    ///
    /// ```
    /// let none: [(String, String); 0] = [];
    /// let loader = offloop::ConfigLoader::new().variables(none);
    /// # drop(loader);
    /// ```
    pub fn variables(
        mut self,
        variables: impl IntoIterator<Item = (impl Into<String>, impl Into<OsString>)>,
    ) -> Self {
        let variables = variables.into_iter();
        let variables = variables.map(|(name, value)| (name.into(), value.into()));
        self.variables = Some(variables.collect());
        self
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// - [`Error::ReadConfig`] if the file cannot be read: a named one has to be there;
    /// - [`Error::Config`] with everything that is wrong with what was read.
    pub fn load(&self) -> Result<LoadedConfig, Error> {
        let variables = self.variables.clone().unwrap_or_else(of_process);
        let environment = self.environment.clone().unwrap_or_else(|| {
            environment::name(|name| value_of(&variables, name).map(str::to_owned))
        });
        // One that others have chosen for all that they run is nothing to complain of in each program.
        let own = value_of(&variables, environment::OWN_VARIABLE);
        let is_named = self.environment.is_none() && own.is_some();
        let path = self.path(value_of(&variables, FILE_VARIABLE));
        let rust_log = value_of(&variables, filter::ENVIRONMENT_VARIABLE).map(str::to_owned);
        let document = match (&self.source, &path) {
            (Source::Text(text), _) => document::parse(Text::unnamed(text)),
            (_, Some(path)) => document::parse_bytes(path, read_bytes(path)?),
            (_, None) => Document::default(),
        };
        let defaults = self.defaults.as_deref();
        let defaults = defaults.map(|text| document::parse(Text::unnamed(text)));
        let defaults = defaults.unwrap_or_default();
        let problems = [&*defaults.problems, &*document.problems].concat();
        let mut reading = Reading {
            defaults: defaults.common,
            document,
            problems,
        };
        let (read, layers) = reading.read(&environment, variables);
        reading.check_other_environments(&environment);
        let rust_log = rust_log.filter(|_| read.config.rust_log);
        reading.check_rust_log(rust_log.as_deref());
        if !reading.problems.is_empty() {
            return Err(Error::Config(ConfigError::new(reading.problems)));
        }
        let mut config = read.config;
        config.fallback = Fallback::of(&environment);
        let environments: Vec<_> = reading.document.overlays.into_keys().collect();
        let doubt = { is_named && !environment::is_known(&environment) }
            .then(|| environment::doubt(&environment, &environments))
            .flatten();
        config.origin = Origin::new(self.clone(), path.as_deref(), doubt);
        Ok(LoadedConfig {
            config,
            environment,
            environments,
            path,
            layers,
            values: read.values,
            rust_log,
        })
    }

    /// The file to be read, if there is one.
    fn path(&self, named: Option<&str>) -> Option<PathBuf> {
        match &self.source {
            Source::File(path) => Some(path.clone()),
            Source::Text(_) => None,
            Source::Usual => match named {
                Some(named) => Some(PathBuf::from(named)),
                // One that cannot be looked at is there, as far as anybody knows.
                None => Some(PathBuf::from(FILE)).filter(|path| path.try_exists().unwrap_or(true)),
            },
        }
    }
}

/// Texts and variables may have keys in them: only their names are shown.
impl fmt::Debug for ConfigLoader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = match &self.source {
            Source::File(path) => Some(path),
            Source::Usual | Source::Text(_) => None,
        };
        let variables = self.variables.iter().flatten();
        let variables: Vec<_> = variables.map(|(name, _)| name).collect();
        formatter
            .debug_struct("ConfigLoader")
            .field("file", &file)
            .field("environment", &self.environment)
            .field("variables", &variables)
            .finish_non_exhaustive()
    }
}

/// A document, and all that is wrong with it.
struct Reading {
    defaults: Option<Layer>,
    document: Document,
    problems: Vec<ConfigProblem>,
}

impl Reading {
    /// Reads it for the environment that was chosen.
    fn read(&mut self, environment: &str, variables: Vec<(String, OsString)>) -> (Read, Layers) {
        let variables = self.readable(variables);
        let mut layers = self.layers(environment);
        layers.push(variables::layer(&variables, &layers.merged()));
        let mut read = read::read(&layers);
        self.note(std::mem::take(&mut read.problems));
        (read, layers)
    }

    /// The directives that override those of the file.
    fn check_rust_log(&mut self, rust_log: Option<&str>) {
        let checked = rust_log.map_or(Ok(()), |rust_log| directives::check(rust_log, true));
        if let Err(message) = checked {
            let name = filter::ENVIRONMENT_VARIABLE.to_owned();
            let source = ConfigSource::Variable { name };
            self.problems
                .push(ConfigProblem::new(source, None, message));
        }
    }

    /// Looks for what is wrong in any other environment.
    fn check_other_environments(&mut self, chosen: &str) {
        let names: Vec<_> = self.document.overlays.keys().cloned().collect();
        for name in names.iter().filter(|name| *name != chosen) {
            let problems = read::read(&self.layers(name)).problems;
            self.note(problems);
        }
    }

    fn layers(&self, environment: &str) -> Layers {
        let overlay = self.document.overlays.get(environment);
        let mut layers = Layers::default();
        let of_file = self.document.common.iter().chain(overlay);
        let all = self.defaults.iter().chain(of_file);
        all.cloned().for_each(|layer| layers.push(layer));
        layers
    }

    /// What is wrong with what all environments share is wrong once.
    fn note(&mut self, problems: Vec<ConfigProblem>) {
        for problem in problems {
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
    }

    fn readable(&mut self, variables: Vec<(String, OsString)>) -> Vec<(String, String)> {
        let mut readable = Vec::new();
        let ours = variables
            .into_iter()
            .filter(|(name, _)| variables::is_ours(name));
        for (name, value) in ours {
            match value.into_string() {
                Ok(value) => readable.push((name, value)),
                Err(_) => {
                    let source = ConfigSource::Variable { name };
                    let message = "its value is not UTF-8".to_owned();
                    self.problems
                        .push(ConfigProblem::new(source, None, message));
                }
            }
        }
        // The system has them in no order.
        readable.sort();
        readable
    }
}

fn of_process() -> Vec<(String, OsString)> {
    let readable = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
    std::env::vars_os().filter_map(readable).collect()
}

/// The value of a variable that has one.
fn value_of<'v>(variables: &'v [(String, OsString)], name: &str) -> Option<&'v str> {
    let mut named = variables.iter().filter(|(other, _)| other == name);
    let value = named.find_map(|(_, value)| value.to_str())?;
    Some(value).filter(|value| !value.trim().is_empty())
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |cause| Error::ReadConfig {
        path: path.to_owned(),
        cause,
    };
    let mut bytes = Vec::new();
    // A FIFO that nobody writes to is empty, and keeps nobody waiting.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path);
    let file = file.map_err(failed)?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(failed)?;
    if FILE_BYTES_MAX < bytes.len() as u64 {
        return Err(failed(io::Error::other("it is longer than 1 MiB")));
    }
    Ok(bytes)
}
