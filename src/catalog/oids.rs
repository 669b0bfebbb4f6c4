//! OIDs derived from names: equal on every connection, replica and restart, whatever other tables exist.
//!
//! What `sql/` names has small ones, as the objects of a young database have at PostgreSQL: drivers that send a number in as few bytes as
//! it takes (psycopg: int2) then send those that their programs were tried with.

use std::{collections::BTreeMap, ops::Range};

/// PostgreSQL's FirstNormalObjectId: everything below belongs to the system.
const FIRST_NORMAL: u32 = 16_384;

/// Below it are the OIDs of what is documented: the least that does not fit into an int2.
const FIRST_DISCOVERED: u32 = 32_768;

/// Clients hold OIDs in signed 32-bit integers.
const LIMIT: u32 = 1 << 31;

const DOCUMENTED: Range<u32> = FIRST_NORMAL..FIRST_DISCOVERED;
const DISCOVERED: Range<u32> = FIRST_DISCOVERED..LIMIT;

/// What an OID is derived for; two kinds never share a name space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Database,
    Relation,
    RowType,
    ArrayType,
    Index,
    Constraint,
    Role,
    Rule,
}

/// Hands out OIDs and keeps them apart.
#[derive(Debug, Default, Clone)]
pub struct Oids {
    taken: BTreeMap<u32, (Kind, String)>,
    documented: BTreeMap<(Kind, String), u32>,
}

impl Oids {
    /// Gives a name that `sql/` has a small OID. The same names in the same order get the same OIDs: all of them come before any other.
    pub fn document(&mut self, kind: Kind, name: &str) {
        let oid = self.take(kind, name, DOCUMENTED);
        self.documented.insert((kind, name.to_owned()), oid);
    }

    /// The OID of `name`. Names asked for in the same order get the same OIDs, and all but those that collide (one pair
    /// in two thousand million) get them in any order.
    pub fn get(&mut self, kind: Kind, name: &str) -> u32 {
        match self.documented.get(&(kind, name.to_owned())) {
            Some(oid) => *oid,
            None => self.take(kind, name, DISCOVERED),
        }
    }

    fn take(&mut self, kind: Kind, name: &str, range: Range<u32>) -> u32 {
        let mut oid = derive(kind, name, &range);
        loop {
            match self.taken.get(&oid) {
                None => {
                    self.taken.insert(oid, (kind, name.to_owned()));
                    return oid;
                }
                Some((k, n)) if *k == kind && n == name => return oid,
                Some(_) => oid = if oid + 1 == range.end { range.start } else { oid + 1 },
            }
        }
    }
}

/// FNV-1a, for its definition never changes, folded into the range.
fn derive(kind: Kind, name: &str, range: &Range<u32>) -> u32 {
    let tag: &[u8] = match kind {
        Kind::Database => b"database",
        Kind::Relation => b"relation",
        Kind::RowType => b"row type",
        Kind::ArrayType => b"array type",
        Kind::Index => b"index",
        Kind::Constraint => b"constraint",
        Kind::Role => b"role",
        Kind::Rule => b"rule",
    };
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in tag.iter().chain(b":").chain(name.as_bytes()) {
        hash ^= u64::from(*byte);
        hash = hash.wrapping_mul(0x0000_0100_0000_01b3);
    }
    // FNV's low bits mix least well with few bytes: take both halves.
    let folded = (hash ^ (hash >> 32)) % u64::from(range.end - range.start);
    range.start + u32::try_from(folded).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_oid_depends_on_nothing_but_kind_and_name() {
        let mut one = Oids::default();
        let mut other = Oids::default();
        let a = one.get(Kind::Relation, "public.sys_invocation");
        let _ = other.get(Kind::Relation, "public.state");
        assert_eq!(a, other.get(Kind::Relation, "public.sys_invocation"));
        assert_ne!(a, one.get(Kind::RowType, "public.sys_invocation"));
        // Clients keep OIDs across restarts and versions of this program: the derivation is part of the interface.
        assert_eq!(a, derive(Kind::Relation, "public.sys_invocation", &DISCOVERED));
        assert!(DISCOVERED.contains(&a));
    }

    #[test]
    fn what_is_documented_has_an_oid_that_fits_into_two_bytes() {
        let mut oids = Oids::default();
        let names: Vec<_> = (0..1000).map(|n| format!("public.t{n}")).collect();
        names.iter().for_each(|name| oids.document(Kind::Relation, name));
        let all: BTreeSet<_> = names.iter().map(|name| oids.get(Kind::Relation, name)).collect();
        assert_eq!(all.len(), names.len());
        assert!(
            all.iter()
                .all(|oid| i16::try_from(*oid).is_ok() && *oid >= FIRST_NORMAL)
        );
        assert!(DISCOVERED.contains(&oids.get(Kind::Index, "public.t0")));
    }

    #[test]
    fn a_collision_moves_the_later_name() {
        let mut oids = Oids::default();
        let wanted = derive(Kind::Index, "a", &DISCOVERED);
        oids.taken.insert(wanted, (Kind::Role, "squatter".to_owned()));
        assert_eq!(oids.get(Kind::Index, "a"), wanted + 1);
        assert_eq!(oids.get(Kind::Index, "a"), wanted + 1);
    }
}
