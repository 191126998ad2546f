//! Python's levels are numbers of any size, ours are five.

use tracing::Level;
use tracing::level_filters::LevelFilter;

/// What of the five a number is: a program's own levels count as the next lower one, since that is
/// what a threshold makes of them.
pub(crate) fn of_number(number: i64) -> Level {
    match number {
        40.. => Level::ERROR,
        30.. => Level::WARN,
        20.. => Level::INFO,
        10.. => Level::DEBUG,
        _ => Level::TRACE,
    }
}

/// The number from which on a filter lets records through.
pub(crate) fn number_of(level: LevelFilter) -> i64 {
    match level {
        LevelFilter::OFF => 51,
        LevelFilter::ERROR => 40,
        LevelFilter::WARN => 30,
        LevelFilter::INFO => 20,
        LevelFilter::DEBUG => 10,
        LevelFilter::TRACE => 1,
    }
}

/// Whether the level of a line says all that the number says.
pub(crate) fn is_plain(number: i64) -> bool {
    matches!(number, 10 | 20 | 30 | 40)
}
