//! Random access: one object by its name. Apart from the walk, which visits all of them. A chain of
//! deltas is followed with a list, not by recursion, and no longer than git could have made it.

use super::cache::{Cache, Place};
use super::delta;
use super::entry::{Entry, Form};
use super::error::{Fault, PackError};
use super::id::{Id, Kind};
use super::inflate::{self, Inflater};
use super::loose;
use super::store::{ObjectStore, Pack};
use std::sync::Arc;

/// Git makes chains of at most 4095 deltas.
const LONGEST_CHAIN: usize = 1 << 16;

/// The largest base that is built for a delta on it, in bytes: git's `core.bigFileThreshold`, above
/// which it neither makes deltas nor uses objects as bases.
pub const LARGEST_BASE: u64 = 512 << 20;

/// An object with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its bytes, without git's header.
    pub content: Arc<Vec<u8>>,
}

impl ObjectStore {
    /// Reads an object of at most `limit` bytes. `None` if it is nowhere here. If one copy is
    /// damaged, the next is tried.
    ///
    /// # Errors
    ///
    /// The first damage met, if no copy can be read; [`Fault::TooLarge`] over the limit.
    pub fn read(&self, id: &Id, limit: u64, cache: &mut Cache) -> Result<Option<Object>, PackError> {
        self.read_except(id, limit, cache, None)
    }

    /// As [`Self::read`], without the packed copy at one place.
    pub(super) fn read_except(
        &self,
        id: &Id,
        limit: u64,
        cache: &mut Cache,
        except: Option<Place>,
    ) -> Result<Option<Object>, PackError> {
        let places = self.places(id).filter(|place| Some(*place) != except);
        let packed = first_good(places.map(|place| self.build(place, limit, cache).map(Some)));
        if let Ok(Some(_)) = packed {
            return packed;
        }
        let on = self.directories.iter().map(|on| loose::read(on, id, limit, &mut cache.inflater));
        match first_good(on) {
            Ok(Some((kind, content))) => Ok(Some(Object { kind, content: Arc::new(content) })),
            Ok(None) => packed.map_err(|error| error.about(*id)),
            Err(error) => Err(packed.err().map_or(error, |error| error.about(*id))),
        }
    }

    /// An object's kind and size in bytes, without building it. `None` if it is nowhere here.
    ///
    /// # Errors
    ///
    /// The first damage met, if no copy can be understood.
    pub fn header(&self, id: &Id) -> Result<Option<(Kind, u64)>, PackError> {
        let packed = self.places(id).map(|place| self.packed_header(place).map(Some));
        first_good(packed.chain(self.directories.iter().map(|on| loose::header(on, id))))
            .map_err(|error| error.about(*id))
    }

    /// Whether the object is here, in whatever state, or was when a walk met it.
    pub fn contains(&self, id: &Id) -> bool {
        self.places(id).next().is_some()
            || self.loose_kinds().contains_key(id)
            || self.directories.iter().any(|at| loose::path(at, id).is_file())
    }

    /// Everywhere the object is packed, first where a multi-pack-index says.
    fn places<'s>(&'s self, id: &'s Id) -> impl Iterator<Item = Place> + 's {
        let place = |number: u32| {
            let index = &self.pack(number).index;
            Some((number, index.offset(index.find(id)?)?))
        };
        let hinted = self.multi.iter().find_map(|multi| multi.pack_of(id));
        let others = (0..self.packs.len() as u32).filter(move |&number| Some(number) != hinted);
        hinted.into_iter().chain(others).filter_map(place)
    }

    fn pack(&self, number: u32) -> &Pack {
        &self.packs[number as usize]
    }

    fn entry(&self, (number, offset): Place) -> Result<Entry, PackError> {
        let pack = self.pack(number);
        Entry::parse(pack.entries(), offset, self.hash).map_err(|fault| pack.error(offset, fault))
    }

    /// Where a delta's base is: in the same pack, else in any; `None` if it is not packed.
    fn packed_base(&self, number: u32, base: &Id) -> Option<Place> {
        let index = &self.pack(number).index;
        let here = index.find(base).and_then(|position| index.offset(position));
        here.map(|offset| (number, offset)).or_else(|| self.places(base).next())
    }

    fn packed_header(&self, place: Place) -> Result<(Kind, u64), PackError> {
        let (pack, entry) = (self.pack(place.0), self.entry(place)?);
        let mut size = entry.size;
        if !matches!(entry.form, Form::Whole(_)) {
            let mut buffer = [0; 20];
            let start = inflate::prefix(&pack.entries()[entry.data..], &mut buffer);
            let sizes = start.and_then(delta::sizes).map_err(|fault| pack.error(place.1, fault))?;
            size = sizes.1;
        }
        let (mut at, mut form) = (place, entry.form);
        for _ in 0..LONGEST_CHAIN {
            at = match form {
                Form::Whole(kind) => return Ok((kind, size)),
                Form::OffsetDelta(offset) => (at.0, offset),
                Form::NamedDelta(base) => match self.packed_base(at.0, &base) {
                    Some(place) => place,
                    None => {
                        let found =
                            self.directories.iter().find_map(|on| loose::header(on, &base).ok().flatten());
                        let missing = || self.pack(at.0).error(at.1, Fault::MissingBase);
                        return found.map(|(kind, _)| (kind, size)).ok_or_else(missing);
                    }
                },
            };
            form = self.entry(at)?.form;
        }
        Err(pack.error(place.1, Fault::TooDeep))
    }

    /// Builds the object at a place, from the nearest base that the cache holds.
    pub(super) fn build(&self, place: Place, limit: u64, cache: &mut Cache) -> Result<Object, PackError> {
        let (mut chain, mut at) = (Vec::new(), place);
        let mut object = loop {
            if let Some((kind, content)) = cache.get(at) {
                break Object { kind, content };
            }
            let entry = self.entry(at)?;
            if chain.len() == LONGEST_CHAIN {
                return Err(self.pack(place.0).error(place.1, Fault::TooDeep));
            }
            let next = match entry.form {
                Form::Whole(kind) => {
                    let most = if chain.is_empty() { limit } else { LARGEST_BASE };
                    let content = Arc::new(self.inflate(at, &entry, most, &mut cache.inflater)?);
                    cache.put(at, kind, &content);
                    break Object { kind, content };
                }
                Form::OffsetDelta(offset) => Some((at.0, offset)),
                Form::NamedDelta(base) => self.packed_base(at.0, &base),
            };
            chain.push((at, entry));
            match (next, entry.form) {
                (Some(base), _) => at = base,
                (None, Form::NamedDelta(base)) => break self.loose_base(at, &base, &mut cache.inflater)?,
                (None, _) => return Err(self.pack(at.0).error(at.1, Fault::MissingBase)),
            }
        };
        let mut pieces = Vec::new();
        while let Some((at, entry)) = chain.pop() {
            let most = if chain.is_empty() { limit } else { LARGEST_BASE };
            let delta = self.inflate(at, &entry, LARGEST_BASE, &mut cache.inflater)?;
            let mut content = Vec::new();
            let built = delta::result_size(&delta, object.content.len()).and_then(|size| match size {
                size if size > most => Err(Fault::TooLarge { size }),
                _ => delta::apply(&delta, &object.content, &mut content, &mut pieces),
            });
            built.map_err(|fault| self.pack(at.0).error(at.1, fault))?;
            object.content = Arc::new(content);
            cache.put(at, object.kind, &object.content);
        }
        match object.content.len() as u64 {
            size if size > limit => Err(self.pack(place.0).error(place.1, Fault::TooLarge { size })),
            _ => Ok(object),
        }
    }

    fn inflate(
        &self,
        at: Place,
        entry: &Entry,
        limit: u64,
        with: &mut Inflater,
    ) -> Result<Vec<u8>, PackError> {
        let pack = self.pack(at.0);
        let mut content = Vec::new();
        let done = match entry.size {
            size if size > limit => Err(Fault::TooLarge { size }),
            size => with.inflate(&pack.entries()[entry.data..], size as usize, &mut content),
        };
        done.map(|()| content).map_err(|fault| pack.error(at.1, fault))
    }

    fn loose_base(&self, at: Place, base: &Id, inflater: &mut Inflater) -> Result<Object, PackError> {
        let fault = |fault| self.pack(at.0).error(at.1, fault);
        for directory in &self.directories {
            match loose::read(directory, base, LARGEST_BASE, inflater) {
                Ok(None) => {}
                Ok(Some((kind, content))) => return Ok(Object { kind, content: Arc::new(content) }),
                Err(_) => return Err(fault(Fault::DamagedBase)),
            }
        }
        Err(fault(Fault::MissingBase))
    }
}

/// The first copy that is there and good; if there is none, the first damage.
pub(super) fn first_good<T>(
    copies: impl IntoIterator<Item = Result<Option<T>, PackError>>,
) -> Result<Option<T>, PackError> {
    let mut first = None;
    for copy in copies {
        match copy {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(error) => first = first.or(Some(error)),
        }
    }
    first.map_or(Ok(None), Err)
}
