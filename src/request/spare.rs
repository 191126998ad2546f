//! Memory that a thread keeps for its next requests: what each of them needs, and gives back.

use std::cell::RefCell;

/// A thread keeps so many pieces, none larger than this.
const SPARE_MAX: usize = 64;
const SPARE_BYTES_MAX: usize = 4 * 1024;

/// How large a new piece is. Few requests have more to tell.
const NEW_BYTES: usize = 256;

thread_local! {
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// An empty piece.
pub(super) fn take() -> Vec<u8> {
    let spare = SPARE.try_with(|spare| spare.try_borrow_mut().ok()?.pop());
    let spare = spare.ok().flatten();
    spare.unwrap_or_else(|| Vec::with_capacity(NEW_BYTES))
}

/// Gives a piece back.
pub(super) fn give_back(mut piece: Vec<u8>) {
    if !(1..=SPARE_BYTES_MAX).contains(&piece.capacity()) {
        return;
    }
    piece.clear();
    // A thread that is ending keeps nothing.
    let _ = SPARE.try_with(|spare| {
        if let Ok(mut spare) = spare.try_borrow_mut()
            && spare.len() < SPARE_MAX
        {
            spare.push(piece);
        }
    });
}
