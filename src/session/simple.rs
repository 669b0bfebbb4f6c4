//! The simple query protocol: a text of statements, one after the other, results as text.

use pgwire::messages::response::EmptyQueryResponse;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Session,
    interrupt::{Interrupt, Stop},
    portal::State,
    state::Answer,
    utility,
};
use crate::{
    Result,
    query::statement::{Modes, Statement, split},
    wire::backend,
};

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Answers a Query message. All of it is parsed before any of it runs, as in PostgreSQL; the first error ends it.
    pub(super) async fn simple_query(&mut self, sql: &str) -> Result<(), Stop> {
        let pieces = split(sql)?;
        let statements = pieces.into_iter().map(Statement::parse).collect::<Result<Vec<_>>>()?;
        if statements.is_empty() {
            backend::put(&mut self.connection.out, &EmptyQueryResponse::new());
        }
        self.backend.implicit_block = statements.len() > 1;
        if self.backend.implicit_block {
            self.backend.settings.begin(&Modes::default());
        }
        for statement in statements {
            self.backend.check_transaction(&statement)?;
            let interrupt = self.backend.begin_statement();
            self.run_simple(statement, &interrupt).await?;
            self.backend.end_statement();
        }
        if !self.backend.transaction.in_block() {
            self.backend.settings.lock().commit();
            self.backend.end_transaction(true);
        }
        self.ready();
        Ok(())
    }

    async fn run_simple(&mut self, statement: Statement, interrupt: &Interrupt) -> Result<(), Stop> {
        let answer = async {
            let prepared = self.backend.prepare(statement, Vec::new()).await?;
            if !prepared.parameter_types().is_empty() {
                return Err(utility::no_parameter(1));
            }
            self.backend.answer(&prepared, Vec::new()).await
        };
        match interrupt.race(&mut self.connection, answer).await? {
            Answer::Rows(mut result) => {
                let formats = [result.default_format()];
                self.put_description(Some(&result.schema().clone()), &formats);
                let sent = self.send_rows(&mut result, &formats, u64::MAX, interrupt).await;
                let kind = result.kind;
                self.backend.release(State::Open(result));
                let (rows, _) = sent?;
                self.complete(&kind.tag(rows));
            }
            Answer::Copy(rows, options) => self.send_copy(rows, options, interrupt).await?,
            Answer::Done(tag) => self.complete(&tag),
        }
        Ok(())
    }
}
