//! What PostgreSQL's SQL says and DataFusion's planner does not understand, said in a way that it does: rewrites of the
//! syntax tree, one rule a file, applied in order by [`rewrite`].
