//! Memory that a thread keeps for its next requests: what each of them needs, and gives back.

use std::cell::RefCell;
use std::thread::LocalKey;

/// Pieces of memory of one size or more.
pub(super) struct Spare {
    /// How large a new piece is.
    new_bytes: usize,
    /// So many are kept, and none that has become larger than this.
    count_max: usize,
    bytes_max: usize,
    pieces: RefCell<Vec<Vec<u8>>>,
}

impl Spare {
    const fn new(new_bytes: usize, count_max: usize, bytes_max: usize) -> Self {
        Spare {
            new_bytes,
            count_max,
            bytes_max,
            pieces: RefCell::new(Vec::new()),
        }
    }
}

thread_local! {
    /// For what is known of a request. Few have more to tell.
    pub(super) static TEXTS: Spare = const { Spare::new(256, 64, 4096) };
    /// For their detail.
    pub(super) static CHUNKS: Spare = const { Spare::new(4096, 16, 4096) };
}

/// An empty piece.
pub(super) fn take(spare: &'static LocalKey<Spare>) -> Vec<u8> {
    let taken = spare.try_with(|spare| {
        let piece = spare
            .pieces
            .try_borrow_mut()
            .ok()
            .and_then(|mut pieces| pieces.pop());
        piece.unwrap_or_else(|| Vec::with_capacity(spare.new_bytes))
    });
    taken.unwrap_or_default()
}

/// Gives a piece back. A thread that is ending keeps nothing.
#[inline]
pub(super) fn give_back(spare: &'static LocalKey<Spare>, piece: Vec<u8>) {
    // Most requests have no detail.
    if piece.capacity() != 0 {
        keep(spare, piece);
    }
}

fn keep(spare: &'static LocalKey<Spare>, mut piece: Vec<u8>) {
    let _ = spare.try_with(|spare| {
        let is_wanted = (spare.new_bytes..=spare.bytes_max).contains(&piece.capacity());
        if let Ok(mut pieces) = spare.pieces.try_borrow_mut()
            && is_wanted
            && pieces.len() < spare.count_max
        {
            piece.clear();
            pieces.push(std::mem::take(&mut piece));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_that_was_given_back_is_taken_again_empty_and_one_that_grew_too_large_is_not() {
        let mut piece = take(&CHUNKS);
        piece.extend_from_slice(b"of another request");
        let place = piece.as_ptr();
        give_back(&CHUNKS, piece);
        let again = take(&CHUNKS);
        assert!(again.is_empty() && again.as_ptr() == place);

        give_back(&CHUNKS, Vec::with_capacity(5000));
        assert!(take(&CHUNKS).capacity() < 5000);
    }
}
