//! One layer's blob, as far as its bytes tell something about it without a network.

pub mod tail;
