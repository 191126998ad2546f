//! What a file sink is made from.

use std::path::PathBuf;

use super::caretaker::Care;
use super::control::Control;
use super::rotation::RotationRules;

/// Owner: read and write. Group: read. Logs tell about users, so others get nothing.
pub(crate) const FILE_MODE: u32 = 0o640;

/// A file, and everything that the user has said of it.
#[derive(Clone, Debug)]
pub(crate) struct FilePlan {
    /// Absolute once the sink is open.
    pub(crate) path: PathBuf,
    /// The mode of new files, less what the umask takes away.
    pub(crate) mode: u32,
    /// When the file ends.
    pub(crate) rotation: RotationRules,
    /// What becomes of it then.
    pub(crate) care: Care,
    pub(crate) control: Control,
}

impl FilePlan {
    pub(crate) fn new(path: PathBuf) -> FilePlan {
        FilePlan {
            path,
            mode: FILE_MODE,
            rotation: RotationRules::default(),
            care: Care::default(),
            control: Control::default(),
        }
    }

    /// What reports call it. The path is absolute once the sink is open.
    pub(crate) fn destination(&self) -> String {
        format!("file {}", self.path.display())
    }
}
