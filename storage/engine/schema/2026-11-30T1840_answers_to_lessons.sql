-- What an answer to a letter is about, where its conversation does not show it: a programme and a lesson. The proof covers it.
alter table reply_addresses add column about text;
