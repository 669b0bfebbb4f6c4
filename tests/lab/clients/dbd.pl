# Perl's DBI over DBD::Pg: the catalogue functions of DBI, prepared statements, a cursor, COPY, an asynchronous statement that is cancelled.
use strict;
use warnings;
use DBI;
use DBD::Pg qw(:async);
use JSON::PP;

my $dsn = "dbi:Pg:dbname=$ENV{PGDATABASE}";
my $dbh = DBI->connect($dsn, $ENV{PGUSER}, $ENV{PGPASSWORD}, { RaiseError => 1, PrintError => 0, AutoCommit => 1 });

sub state_of {
    my ($statement) = @_;
    return eval { $dbh->selectall_arrayref($statement); 'no error' } || $dbh->state;
}

my %results = (client => "DBD::Pg $DBD::Pg::VERSION");
my $tables = $dbh->table_info(undef, 'public', undef, 'TABLE')->fetchall_arrayref({});
$results{tables} = [ sort map { $_->{TABLE_NAME} } @$tables ];
$results{columns} = scalar @{ $dbh->column_info(undef, 'public', 'sys_invocation', '%')->fetchall_arrayref };
$results{primary_key} = [ $dbh->primary_key(undef, 'public', 'sys_journal') ];
my $keys = $dbh->foreign_key_info(undef, undef, undef, undef, 'public', 'sys_journal')->fetchall_arrayref({});
$results{foreign_keys} = [ map { [ @$_{qw(FK_COLUMN_NAME UK_TABLE_NAME UK_COLUMN_NAME)} ] } @$keys ];
my $preview = $dbh->prepare('select * from sys_invocation limit 5');
$preview->execute;
$results{preview} = [ scalar @{ $preview->fetchall_arrayref }, $preview->{NUM_OF_FIELDS} ];
my $count = $dbh->prepare('select count(*) from sys_invocation where status = ?');
# The second run goes by a statement that the server keeps.
($results{completed}) = $dbh->selectrow_array($count, undef, 'completed') for 1 .. 3;
$results{completed} += 0;
$dbh->begin_work;
$dbh->do('declare c cursor for select * from state');
$results{large} = 0;
while (my $rows = scalar @{ $dbh->selectall_arrayref('fetch 50 from c') }) { $results{large} += $rows }
$dbh->commit;
$dbh->do('copy state to stdout');
my ($line, $copied) = ('', 0);
$copied++ while $dbh->pg_getcopydata($line) >= 0;
$results{copied} = $copied;
$results{error} = state_of('select no_such_column from state');
$results{write} = state_of('delete from state');
$dbh->do('select pg_sleep(60)', { pg_async => PG_ASYNC });
# A request that comes before the statement has begun cancels nothing.
sleep 2;
$results{cancel} = $dbh->pg_cancel ? JSON::PP::true : JSON::PP::false;
$results{after} = 0 + $dbh->selectrow_array('select 1');
print JSON::PP->new->canonical->encode(\%results), "\n";
