package main

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"dohle/clients/adapter"
)

type transactor struct{ client *kgo.Client }

func (f *franz) NewTransactor(command adapter.Command) (adapter.Transactor, error) {
	client, err := kgo.NewClient(f.bootstrap, kgo.TransactionalID(command.ID),
		kgo.TransactionTimeout(time.Duration(command.TimeoutMs)*time.Millisecond),
		kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, err
	}
	ctx, cancel := limited()
	defer cancel()
	_, _, err = client.ProducerID(ctx) // or it takes the id over with its first record
	return &transactor{client}, err
}

func (t *transactor) Begin() error { return t.client.BeginTransaction() }

func (t *transactor) Send(command adapter.Command) error {
	var records []*kgo.Record
	for _, record := range command.Records {
		records = append(records, &kgo.Record{Topic: command.Topic, Partition: *command.Partition, Key: record.Key, Value: record.Value})
	}
	ctx, cancel := limited()
	defer cancel()
	return t.client.ProduceSync(ctx, records...).FirstErr()
}

func (t *transactor) SendOffsets(adapter.Member) error {
	return adapter.Unsupported("franz-go commits offsets in a session that joins the group by itself")
}

func (t *transactor) End(commit bool) error {
	ctx, cancel := limited()
	defer cancel()
	return t.client.EndTransaction(ctx, kgo.TransactionEndTry(commit))
}

func (t *transactor) Close() { t.client.Close() }
