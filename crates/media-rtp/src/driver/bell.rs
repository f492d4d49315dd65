//! How signalling wakes a media thread.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{EventfdFlags, eventfd};

/// Wakes a thread from its wait for sockets.
pub(super) struct Bell {
    pub(super) event: OwnedFd,
    /// It was rung, and the thread has not looked yet.
    rung: AtomicBool,
    /// It is to be rung when wakes are held no longer.
    pub(super) owed: AtomicBool,
}

impl Bell {
    pub(super) fn new() -> io::Result<Self> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { event, rung: AtomicBool::new(false), owed: AtomicBool::new(false) })
    }

    /// Wakes the thread, unless that was done and it is about to look: what was queued before, it will see.
    pub(super) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            // The counter is far from full.
            let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
        }
    }

    /// The thread is awake, and looks at what is queued after this.
    pub(super) fn heard(&self) {
        let _ = rustix::io::read(&self.event, &mut [0; 8]);
        self.rung.swap(false, Ordering::AcqRel);
    }
}
