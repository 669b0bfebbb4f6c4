//! The simple query protocol: a text of statements, one after the other, results as text.

use std::sync::Arc;

use pgwire::messages::response::EmptyQueryResponse;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    Session,
    interrupt::{Interrupt, Stop},
    state::Answer,
    utility,
};
use crate::{
    Result,
    query::statement::{Modes, Statement},
    wire::backend,
};

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Answers a Query message, statement by statement; the first error ends it.
    pub(super) async fn simple_query(&mut self, sql: String) -> Result<(), Stop> {
        let statements = self.statements_of(sql).await?;
        if statements.is_empty() {
            backend::put(&mut self.connection.out, &EmptyQueryResponse::new());
        }
        self.backend.implicit_block = statements.len() > 1;
        if self.backend.implicit_block {
            self.backend.settings.begin(&Modes::default());
        }
        for (statement, text_size) in statements {
            self.backend.ends.check()?;
            self.backend.check_transaction(statement.as_deref().ok())?;
            let interrupt = self.backend.begin_statement();
            self.run_simple(statement?, text_size, &interrupt).await?;
            self.backend.end_statement();
        }
        if !self.backend.transaction.in_block() {
            self.backend.settings.lock().commit();
            self.backend.end_transaction(true);
        }
        self.ready();
        Ok(())
    }

    async fn run_simple(
        &mut self,
        statement: Arc<Statement>,
        text_size: usize,
        interrupt: &Interrupt,
    ) -> Result<(), Stop> {
        let answer = async {
            let prepared = Arc::new(self.backend.prepare(statement, text_size, Vec::new()).await?);
            if !prepared.parameter_types().is_empty() {
                return Err(utility::no_parameter(1));
            }
            self.backend.answer(&prepared, Vec::new()).await
        };
        match interrupt.race(&mut self.connection, answer).await? {
            Answer::Rows(mut result) => {
                let formats = [self.backend.format_of(&result)];
                self.put_description(Some(&result.schema().clone()), &formats);
                let (rows, _) = self.send_rows(&mut result, &formats, u64::MAX, interrupt).await?;
                self.complete(&result.kind.tag(rows));
            }
            Answer::Copy(rows, options) => Box::pin(self.send_copy(rows, options, interrupt)).await?,
            Answer::Done(tag) => self.complete(&tag),
        }
        Ok(())
    }
}
