//! The service as callers meet it: the real process, over a socket.

mod beside;
mod house;
mod inside;
mod live;
mod matrix;
mod page;
mod safe;
mod scenarios;
mod tls;
