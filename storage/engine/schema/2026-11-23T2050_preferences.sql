-- How somebody likes things to be. Who lacks a row has what is usual.
create table preferences (
    account bytea not null primary key references accounts (id),
    body bytea not null                       -- guarded
) without rowid;

-- What its owner is told of a session: the kind of device, the day when it was last seen. Guarded; null before this step.
alter table sessions add column about bytea;

-- How the last letter to somebody ended.
create index letters_of_account on letters (account, ended_at);
