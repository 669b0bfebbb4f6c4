//! The name of a cluster: what a client gives as its user and a token carries in its cluster claim. Having a
//! [`ClusterName`] proves that it is well formed; whether such a cluster exists is the directory's answer.

use std::{fmt, str::FromStr, sync::Arc};

/// PostgreSQL cuts user and database names to 63 bytes (NAMEDATALEN - 1): a longer name could never be given whole.
const CLUSTER_NAME_SIZE_MAX: usize = 63;

/// 1 to 63 bytes of `a-z`, `0-9`, `-` and `_`, the first one a letter or a digit. There is one spelling of a name, so
/// names are compared byte for byte. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterName(Arc<str>);

impl ClusterName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ClusterName {
    type Err = InvalidClusterName;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let Some(first) = name.bytes().next() else {
            return Err(InvalidClusterName("is empty"));
        };
        if name.len() > CLUSTER_NAME_SIZE_MAX {
            return Err(InvalidClusterName("is longer than 63 bytes"));
        }
        if !name
            .bytes()
            .all(|byte| alphanumeric(byte) || byte == b'-' || byte == b'_')
        {
            return Err(InvalidClusterName(
                "may only hold lower-case letters, digits, `-` and `_`",
            ));
        }
        if !alphanumeric(first) {
            return Err(InvalidClusterName("must start with a letter or a digit"));
        }
        Ok(ClusterName(name.into()))
    }
}

impl AsRef<str> for ClusterName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// Why a text is no cluster name. The text itself is not repeated: it may be hostile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidClusterName(&'static str);

impl fmt::Display for InvalidClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a cluster name {}", self.0)
    }
}

impl std::error::Error for InvalidClusterName {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_dns_and_postgres_both_take() {
        for name in ["a", "0", "demo", "your-cluster_2", &"a".repeat(63)] {
            assert_eq!(name.parse::<ClusterName>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (name, fault) in [
            ("", "is empty"),
            (&*"a".repeat(64), "longer than 63"),
            ("Demo", "lower-case"),
            ("de mo", "lower-case"),
            ("demo\0", "lower-case"),
            ("dem\u{043e}", "lower-case"),
            ("../etc", "lower-case"),
            ("-demo", "start with"),
            ("_demo", "start with"),
        ] {
            let error = name.parse::<ClusterName>().unwrap_err().to_string();
            assert!(error.contains(fault), "{name:?}: {error}");
        }
    }
}
