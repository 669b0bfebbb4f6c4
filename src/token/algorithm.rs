//! The signature algorithms that can be configured. All are asymmetric: `none` and the HMAC family have no name here, so
//! no configuration, key or token can bring them in.

use std::{fmt, str::FromStr};

macro_rules! algorithms {
    ($($name:ident),*) => {
        /// A signature algorithm of RFC 7518 and RFC 8037, by its JOSE name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Algorithm {
            $($name),*
        }

        impl Algorithm {
            pub const ALL: &[Algorithm] = &[$(Algorithm::$name),*];

            /// Its JOSE name, case included.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Algorithm::$name => stringify!($name)),*
                }
            }
        }

        impl From<Algorithm> for jsonwebtoken::Algorithm {
            fn from(algorithm: Algorithm) -> Self {
                match algorithm {
                    $(Algorithm::$name => jsonwebtoken::Algorithm::$name),*
                }
            }
        }
    };
}

algorithms!(EdDSA, ES256, ES384, RS256, RS384, RS512, PS256, PS384, PS512);

impl Algorithm {
    /// Whether an RSA key can serve it.
    pub(super) fn is_rsa(self) -> bool {
        !matches!(self, Algorithm::EdDSA | Algorithm::ES256 | Algorithm::ES384)
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Algorithm::ALL
            .iter()
            .copied()
            .find(|algorithm| algorithm.as_str() == name)
            .ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is none of [`Algorithm::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAlgorithm;

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown algorithm, not one of")?;
        for (index, algorithm) in Algorithm::ALL.iter().enumerate() {
            write!(f, "{} {algorithm}", if index == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownAlgorithm {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_asymmetric_names_are_known_and_case_counts() {
        for name in [
            "none", "None", "nOnE", "HS256", "HS384", "HS512", "es256", "ES512", "ES256K", "",
        ] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm), "{name}");
        }
        assert_eq!("EdDSA".parse(), Ok(Algorithm::EdDSA));
        assert_eq!("PS512".parse(), Ok(Algorithm::PS512));
    }
}
