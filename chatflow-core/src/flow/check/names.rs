//! The values that a bot's flows read, numbered, and sets of them.

use std::collections::BTreeMap;

use crate::flow::SaveTo;

use crate::flow::template::{Path, Read};

/// A set of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names(Vec<u64>);

impl Names {
    pub(super) fn none(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)])
    }

    pub(super) fn has(&self, name: usize) -> bool {
        self.0[name / 64] >> (name % 64) & 1 == 1
    }

    pub(super) fn add(&mut self, name: usize) {
        self.0[name / 64] |= 1 << (name % 64);
    }

    pub(super) fn remove(&mut self, name: usize) {
        self.0[name / 64] &= !(1 << (name % 64));
    }

    /// Adds all of another; says whether that changed anything.
    pub(super) fn add_all(&mut self, other: &Self) -> bool {
        let mut changed = 0;
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            changed |= other & !*own;
            *own |= other;
        }
        changed != 0
    }

    pub(super) fn remove_all(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own &= !other;
        }
    }

    pub(super) fn keep(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own &= other;
        }
    }
}

/// What a name says: a value of the dialog's, one of the contact's, or whichever there is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Data(String),
    /// `name`, `language` or a field.
    Contact(String),
    /// Written plainly: the dialog's, else the contact's.
    Plain(String),
}

impl Key {
    pub(super) fn of(read: &Read) -> Option<Self> {
        Some(match Path::parse(&read.name)? {
            Path::Data(name) => Self::Data(name.into()),
            Path::ContactName => Self::Contact("name".to_owned()),
            Path::ContactLanguage => Self::Contact("language".to_owned()),
            Path::Field(name) => Self::Contact(name.into()),
            Path::Any(name) => Self::Plain(name.into()),
            // The bot's settings have it or haven't, whatever way a dialog takes.
            Path::Variable(_) => return None,
        })
    }

    /// All that is known by a name once a value is kept there.
    pub(super) fn set_by(to: &SaveTo) -> [Self; 2] {
        match to {
            SaveTo::Data(name) => [Self::Data(name.clone()), Self::Plain(name.clone())],
            SaveTo::ContactName => Self::pair("name".to_owned()),
            SaveTo::Field(name) => Self::pair(name.clone()),
        }
    }

    /// What is known by a name once a condition has found a value there.
    pub(super) fn of_known(name: &str) -> Vec<Self> {
        match Path::parse(name) {
            Some(Path::Data(name)) => Self::set_by(&SaveTo::Data(name.into())).to_vec(),
            Some(Path::ContactName) => Self::set_by(&SaveTo::ContactName).to_vec(),
            Some(Path::ContactLanguage) => Self::pair("language".to_owned()).to_vec(),
            Some(Path::Field(name)) => Self::pair(name.into()).to_vec(),
            Some(Path::Any(name)) => vec![Self::Plain(name.into())],
            Some(Path::Variable(_)) | None => Vec::new(),
        }
    }

    fn pair(name: String) -> [Self; 2] {
        [Self::Contact(name.clone()), Self::Plain(name)]
    }
}

/// The numbers of names. Only what is read has one.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    numbers: BTreeMap<Key, usize>,
}

impl Numbers {
    pub(super) fn add(&mut self, key: Key) -> usize {
        let next = self.numbers.len();
        *self.numbers.entry(key).or_insert(next)
    }

    /// The number of what is read; none where it is no name.
    pub(super) fn add_read(&mut self, read: &Read) -> Option<usize> {
        let key = Key::of(read)?;
        if let Some(number) = self.find(&key) {
            return Some(number);
        }
        if let Key::Plain(name) = &key {
            self.add(Key::Data(name.clone()));
            self.add(Key::Contact(name.clone()));
        }
        Some(self.add(key))
    }

    pub(super) fn find(&self, key: &Key) -> Option<usize> {
        self.numbers.get(key).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn each(&self) -> impl Iterator<Item = (&Key, usize)> {
        self.numbers.iter().map(|(key, &number)| (key, number))
    }
}
