//! What the headers of a pack's entries say: where each begins, and what it is built on. Apart from
//! `graph` because every walk asks for the same: read once for each pack, 20 bytes an object.

use super::entry::{Entry, Form};
use super::id::{HashKind, Kind};
use super::index::Index;
use rayon::prelude::*;

/// An entry's number in order of offsets.
pub(super) type Node = u32;

/// The headers of a pack.
#[derive(Debug)]
pub(super) struct Headers {
    /// In ascending order; at last, where the entries end.
    pub(super) offsets: Vec<u64>,
    /// Of each node in the index.
    pub(super) positions: Vec<u32>,
    pub(super) links: Vec<Link>,
    /// Whether the index names objects in order, each once.
    pub(super) is_in_order: bool,
}

/// What a header says of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// It is whole, or damaged, or built on what is not in the pack.
    Root(Option<Kind>),
    On(Node),
}

impl Headers {
    /// Reads all of a pack's `entries`.
    pub(super) fn read(index: &Index, entries: &[u8], hash: HashKind) -> Self {
        let mut nodes: Vec<(u64, u32)> = (0..index.count())
            .into_par_iter()
            .map(|position| (index.offset(position).unwrap_or(u64::MAX), position))
            .collect();
        nodes.par_sort_unstable();
        let mut offsets: Vec<u64> = nodes.par_iter().map(|(offset, _)| *offset).collect();
        let positions = nodes.into_iter().map(|(_, position)| position).collect();
        let link = |offset: &u64| {
            let base = match Entry::parse(entries, *offset, hash).map(|entry| entry.form) {
                Err(_) => return Link::Root(None),
                Ok(Form::Whole(kind)) => return Link::Root(Some(kind)),
                Ok(Form::OffsetDelta(base)) => Some(base),
                Ok(Form::NamedDelta(base)) => index.find(&base).and_then(|position| index.offset(position)),
            };
            let found = base.and_then(|base| offsets.binary_search(&base).ok());
            found.map_or(Link::Root(None), |base| Link::On(base as Node))
        };
        let links = offsets.par_iter().map(link).collect();
        let name = |position| index.name(position);
        let is_in_order = (1..index.count()).into_par_iter().all(|next| name(next - 1) < name(next));
        offsets.reserve_exact(1);
        offsets.push(entries.len() as u64);
        Self { offsets, positions, links, is_in_order }
    }
}
