-- No cause makes two letters, and one letter of an account is under way at a time: the database itself refuses a second.
alter table letters rename to letters_before;
create table letters (
    id bytea not null primary key,
    account bytea not null references accounts (id),
    kind text not null,
    cause text not null,                      -- what it is about; of a reply, its thread and the numbers that were unread
    facts bytea not null,                     -- guarded
    message_id text not null,                 -- fixed when written: a repeat is recognisable
    state text not null,                      -- waiting, sent, refused, dropped
    due_at bigint not null,
    not_after bigint,                         -- too late to be of use after this
    attempts bigint not null,
    leased_until bigint,                      -- null while nobody holds it
    reason text,                              -- of the last failure; names no address
    written_at bigint not null,
    ended_at bigint
);
-- Letters of before have their own id as their cause. Nobody holds one while a step is applied.
insert into letters (id, account, kind, cause, facts, message_id, state, due_at, not_after, attempts, reason, written_at, ended_at)
    select id, account, kind, lower(hex(id)), facts, message_id, state, due_at, not_after, attempts, reason, written_at, ended_at
    from letters_before;
drop table letters_before;
create index letters_of_account on letters (account, ended_at);
create unique index letters_by_cause on letters (account, cause, kind);
-- What may be claimed stands together, in its order: those that wait and that nobody holds.
create index letters_to_claim on letters (state, leased_until, due_at, written_at, id);
create unique index letters_under_way on letters (account) where leased_until is not null;
-- For whoever looks at the outbox: a page of the newest letters, and their numbers by day, kind and state, without reading all.
create index letters_by_written on letters (written_at, state, kind);
