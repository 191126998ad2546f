//! Python's levels are numbers of any size, ours are five.

use tracing::Level;

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

/// Whether the level of a line says all that the number says.
pub(crate) fn is_plain(number: i64) -> bool {
    matches!(number, 10 | 20 | 30 | 40)
}
