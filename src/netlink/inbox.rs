//! Where messages are read into: room that is made once.

/// A dump fills buffers of this size; smaller ones make it slower, larger ones not faster.
const ROOM_BYTES: usize = 64 << 10;

/// Room for what a socket receives, used again and again: to make it anew, zeroed, takes longer than to
/// read an acknowledgement.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    room: Vec<u8>,
    filled: usize,
}

impl Inbox {
    /// What was received last.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.room.get(..self.filled).unwrap_or_default()
    }

    /// The room, for whoever receives.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.filled = 0;
        self.room.resize(ROOM_BYTES, 0);
        &mut self.room
    }

    /// So many bytes were received.
    pub(super) fn fill(&mut self, bytes: usize) {
        self.filled = bytes;
    }
}
