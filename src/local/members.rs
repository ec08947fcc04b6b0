//! What an archive has under its names: members, and links to them.

use std::collections::BTreeMap;

use super::name;
use crate::layer::archive::Member;
use crate::layer::{Error, Kind};

/// Members of an archive; an image has a few for each layer.
const MOST: usize = 100_000;
/// Links that are followed one after another.
const MAX_HOPS: usize = 8;

/// Members by their names. Of several of one name the last counts, as when they are unpacked.
pub(super) struct Members<T> {
    files: BTreeMap<String, T>,
    links: BTreeMap<String, String>,
}

impl<T> Default for Members<T> {
    fn default() -> Self {
        Self { files: BTreeMap::new(), links: BTreeMap::new() }
    }
}

impl<T> Members<T> {
    /// The name under which a member is to be added; `None` for one that is of no use. Links are
    /// taken note of.
    pub(super) fn name(&mut self, member: &Member) -> Result<Option<String>, Error> {
        if self.files.len() + self.links.len() >= MOST {
            return Err(Error::ceiling(format!("it has more than {MOST} members"), None));
        }
        let Some(name) = name::of_member(&member.name) else { return Ok(None) };
        self.links.remove(&name);
        match member.kind {
            Kind::File => return Ok(Some(name)),
            Kind::Symlink | Kind::Hardlink => {
                let hard = member.kind == Kind::Hardlink;
                if let Some(target) = name::of_target(&name, &member.link, hard) {
                    self.files.remove(&name);
                    self.links.insert(name, target);
                }
            }
            _ => {}
        }
        Ok(None)
    }

    pub(super) fn add(&mut self, name: String, file: T) {
        self.files.insert(name, file);
    }

    /// What a name or the link of that name stands for.
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        let mut name = name;
        for _ in 0..MAX_HOPS {
            if let Some(file) = self.files.get(name) {
                return Some(file);
            }
            name = self.links.get(name)?;
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}
