-- A letter that may be owed for unread messages: at most one per participant and thread. It was called pending_notices, but a
-- notice is the privacy notice.
create table unread_owed (
    account bytea not null references accounts (id),
    thread bytea not null references threads (id),
    due_at bigint not null,
    told_seq bigint,                          -- last_seq when a letter told of it, null before
    primary key (account, thread)
) without rowid;
insert into unread_owed (account, thread, due_at, told_seq) select account, thread, due_at, told_seq from pending_notices;
drop table pending_notices;
create index unread_owed_by_due on unread_owed (due_at);
