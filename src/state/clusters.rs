//! stub
use crate::event::Millis;

/// What is known of a cluster at one of its members.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClusterCounts {
    pub members: u32,
    pub authors: u32,
    pub authors_10m: u32,
    pub members_10m: u32,
    pub members_1h: u32,
    pub growth: f32,
    pub age_ms: Millis,
}
