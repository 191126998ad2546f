//! Where a configuration was read, so that it can be read anew.

use std::path::Path;
#[cfg(feature = "config")]
use std::{path::PathBuf, sync::Arc};

use super::Config;
#[cfg(feature = "config")]
use super::ConfigLoader;
use crate::error::Error;

/// Nothing of what a configuration says: two that say the same are equal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    #[cfg(feature = "config")]
    read: Option<Arc<Read>>,
}

#[cfg(feature = "config")]
#[derive(Debug)]
struct Read {
    loader: ConfigLoader,
    /// Absolute: the program may go elsewhere.
    path: Option<PathBuf>,
    /// What may be meant otherwise.
    doubt: Option<String>,
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

#[cfg(feature = "config")]
impl Origin {
    pub(super) fn new(loader: ConfigLoader, path: Option<&Path>, doubt: Option<String>) -> Self {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let path = path.map(absolute);
        let loader = match &path {
            // The same file, whatever directory the program is in by then.
            Some(path) => loader.file(path),
            None => loader,
        };
        Origin {
            read: Some(Arc::new(Read {
                loader,
                path,
                doubt,
            })),
        }
    }

    /// The file, if there was one.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.read.as_ref()?.path.as_deref()
    }

    /// What is to be said of it when a pipeline starts.
    pub(crate) fn doubt(&self) -> Option<&str> {
        self.read.as_ref()?.doubt.as_deref()
    }

    /// Reads it anew. `None` if it was not read anywhere.
    pub(crate) fn read(&self) -> Option<Result<Config, Error>> {
        let loaded = self.read.as_ref()?.loader.load();
        Some(loaded.map(super::LoadedConfig::into_config))
    }
}

#[cfg(not(feature = "config"))]
impl Origin {
    pub(crate) fn path(&self) -> Option<&Path> {
        None
    }

    pub(crate) fn doubt(&self) -> Option<&str> {
        None
    }

    pub(crate) fn read(&self) -> Option<Result<Config, Error>> {
        None
    }
}
