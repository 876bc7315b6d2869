-- Messages no longer without rowid. SQLite keeps such a table whole in one tree, inner nodes included: with rows of some 450
-- bytes only eight fit on a page, so that the tree is deep and every message that is added moves its neighbours. As rows they
-- stand in the order in which they came, and the key is an index beside them: a third of the pages for each commit.
alter table messages rename to messages_before;
create table messages (
    thread bytea not null references threads (id),
    seq bigint not null,
    id bytea not null,
    epoch bigint not null,
    author bytea not null,
    kind text not null,
    at bigint not null,
    body bytea not null,                      -- sealed
    link bytea not null,                      -- to the message before
    primary key (thread, seq)
);
-- By thread: what is old stands together.
insert into messages (thread, seq, id, epoch, author, kind, at, body, link)
    select thread, seq, id, epoch, author, kind, at, body, link from messages_before order by thread, seq;
drop table messages_before;
-- Made by the sender and ordered by time: the index grows at its end.
create unique index messages_by_id on messages (id, thread);
