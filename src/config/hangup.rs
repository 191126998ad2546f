//! What a SIGHUP does.

use serde::{Deserialize, Serialize};

/// What a SIGHUP does. Set by [`Builder::on_hangup`](crate::Builder::on_hangup).
///
/// With anything but `Unhandled` a handler is installed, which stays until the process ends, and so
/// SIGHUP does not end it any more; handlers that the program has installed by then are called, too.
///
/// ```
/// let builder = offloop::builder().stdout().on_hangup(offloop::OnHangup::Reload);
/// # drop(builder);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnHangup {
    /// What it does without offloop: where nobody else handles it, it ends the process. This is the
    /// default.
    #[default]
    Unhandled,
    /// Every log file is closed, and opened anew before the next record is written to it, as
    /// [`Guard::reopen`](crate::Guard::reopen) does. For the `postrotate` script of logrotate; a file
    /// that was renamed is noticed without it.
    Reopen,
    /// The same, and the configuration is read anew where it was read at the start: see
    /// [`Builder::watch`](crate::Builder::watch).
    Reload,
}
