//! How much of a message this crate is willing to look at.

/// Upper bounds on one message. Crossing one refuses the message with a [`Code`](super::Code); nothing is truncated.
///
/// The defaults are far above anything a carrier or phone sends and far below what would hurt: a bound holds before
/// memory is taken for what it bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole message, body included. Default 65,536.
    pub message: usize,
    /// Bytes of start line and header fields together. Default 32,768.
    pub header_section: usize,
    /// Header fields. Default 200.
    pub headers: usize,
    /// Bytes of one header field, folds included, without its final line end; the start line counts as one.
    /// Default 8,192.
    pub header: usize,
    /// `Via` elements on all lines together. Default 70.
    pub vias: usize,
    /// `Route` elements on all lines together, and `Record-Route` elements likewise. Default 30.
    pub routes: usize,
    /// Parameters of one URI or address in the Request-URI or an addressing header. Default 100.
    pub uri_params: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 64 * 1024,
            header_section: 32 * 1024,
            headers: 200,
            header: 8 * 1024,
            vias: 70,
            routes: 30,
            uri_params: 100,
        }
    }
}

/// How deviations that harm nobody are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// Tolerates, with a warning, what peers in the field send and the RFCs allow a liberal receiver to accept.
    #[default]
    Lenient,
    /// Refuses everything that is not the grammar of RFC 3261.
    Strict,
}
