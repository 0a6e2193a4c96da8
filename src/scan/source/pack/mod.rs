//! Git's object database, read without git: packs, their indexes, loose objects and alternates.
//!
//! [`ObjectStore`] opens it; [`ObjectStore::read`] gives single objects, with a [`Cache`] for each
//! thread; [`ObjectStore::walk`] shows all of them to a [`Visitor`], each delta tree once and base
//! first. [`fresh_ranges`] says where in a delta's result something new can stand.
//!
//! Damage is an error for the object that has it, never a panic, and nothing is allocated that the
//! input could not fill. What cannot be read is always named; nothing is searched here.

mod budget;
mod cache;
mod delta;
mod entry;
mod error;
mod graph;
mod headers;
mod id;
mod index;
mod inflate;
mod loose;
mod map;
mod multi;
mod queue;
mod read;
mod store;
mod tour;
mod visit;
mod walk;

pub use crate::scan::pieces::{Piece, fresh_ranges};
pub use cache::Cache;
pub use error::{Fault, PackError};
pub use id::{HashKind, Id, Kind};
pub use read::{LARGEST_BASE, Object};
pub use store::ObjectStore;
pub use visit::{Visit, Visitor, Walk, Walked};
