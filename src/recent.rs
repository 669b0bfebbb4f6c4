//! A map that stays below a size: what was not used for longest goes first, in halves rather than one by one.

use std::{collections::HashMap, hash::Hash, mem};

/// Entries of at most the weight that it was made for, of which the more recently used half is certain to be there.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    half: usize,
    young: HashMap<K, Weighed<V>>,
    young_weight: usize,
    old: HashMap<K, Weighed<V>>,
}

#[derive(Debug)]
struct Weighed<V> {
    value: V,
    weight: usize,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    pub(crate) fn new(weight_max: usize) -> Self {
        Recent {
            half: (weight_max / 2).max(1),
            young: HashMap::new(),
            young_weight: 0,
            old: HashMap::new(),
        }
    }

    /// The value of a key, which counts as used.
    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        if let Some((key, Weighed { value, weight })) = self.old.remove_entry(key) {
            self.insert_weighing(key, value, weight);
        }
        self.young.get_mut(key).map(|weighed| &mut weighed.value)
    }

    /// One more entry, of weight 1.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.insert_weighing(key, value, 1);
    }

    /// One more entry; none that weighs more than half of all.
    pub(crate) fn insert_weighing(&mut self, key: K, value: V, weight: usize) {
        self.remove(&key);
        if weight > self.half {
            return;
        }
        if self.young_weight + weight > self.half {
            self.old = mem::take(&mut self.young);
            self.young_weight = 0;
        }
        self.young_weight += weight;
        self.young.insert(key, Weighed { value, weight });
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Some(weighed) = self.young.remove(key) {
            self.young_weight -= weighed.weight;
        }
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
    fn what_weighs_more_drives_out_more() {
        let mut recent = Recent::new(8);
        for key in 0..4 {
            recent.insert(key, "light");
        }
        recent.insert_weighing(4, "heavy", 3);
        assert_eq!(recent.get(&4), Some(&mut "heavy"));
        recent.insert_weighing(5, "heavy", 4);
        assert!((0..4).all(|key| recent.get(&key).is_none()));
        assert!(recent.get(&4).is_some() && recent.get(&5).is_some());
        recent.insert_weighing(5, "too heavy", 5);
        assert_eq!(recent.get(&5), None);
        // One that is put again counts once.
        for _ in 0..10 {
            recent.insert_weighing(6, "heavy", 4);
        }
        recent.insert(7, "light");
        assert!(recent.get(&6).is_some() && recent.get(&7).is_some());
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
