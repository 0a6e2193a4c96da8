//! Where content comes from.

pub mod archive;
mod attribution;
pub mod binary;
mod commit;
pub mod commits;
mod contents;
mod date;
pub mod history;
mod index;
mod lines;
pub mod name;
pub mod pack;
pub mod push;
pub mod range;
mod reader;
mod references;
pub mod repository;
pub mod revision;
mod selected;
pub mod sighting;
pub mod staged;
pub mod stdin;
pub mod stop;
mod tree;
mod walk;
pub mod weblink;
pub mod worktree;
