//! A map that stays below a size: what was not used for longest goes first, in halves rather than one by one.

use std::{collections::HashMap, hash::Hash, mem};

/// At most as many entries as it was made for, of which the more recently used half is certain to be there.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    half: usize,
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    pub(crate) fn new(size_max: usize) -> Self {
        Recent {
            half: (size_max / 2).max(1),
            young: HashMap::new(),
            old: HashMap::new(),
        }
    }

    /// The value of a key, which counts as used.
    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        if let Some((key, value)) = self.old.remove_entry(key) {
            self.insert(key, value);
        }
        self.young.get_mut(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, value);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_below_its_size_and_keeps_what_is_used() {
        let mut recent = Recent::new(100);
        recent.insert(0, "kept");
        for key in 1..10_000 {
            recent.insert(key, "filler");
            assert_eq!(recent.get(&0), Some(&mut "kept"), "after {key}");
            assert!(recent.young.len() + recent.old.len() <= 100);
        }
        assert_eq!(recent.get(&1), None);
        assert_eq!(recent.get(&9_999), Some(&mut "filler"));
    }

    #[test]
    fn a_removed_key_is_gone_whichever_half_it_was_in() {
        let mut recent = Recent::new(4);
        for key in 0..4 {
            recent.insert(key, ());
        }
        for key in 0..4 {
            recent.remove(&key);
            assert_eq!(recent.get(&key), None);
        }
    }
}
