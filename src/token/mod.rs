//! JWT verification: keys, rotation, claims → [`Identity`]. Knows nothing of Postgres.
