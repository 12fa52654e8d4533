//! The service as callers meet it: the real process, over a socket.

mod house;
mod inside;
mod matrix;
mod safe;
mod scenarios;
mod tls;
