//go:build !old

package main

import (
	"time"

	"github.com/IBM/sarama"

	"dohle/clients/adapter"
)

type transactor struct{ producer sarama.SyncProducer }

func (c *client) NewTransactor(command adapter.Command) (adapter.Transactor, error) {
	config := config()
	config.Producer.Transaction.ID = command.ID
	config.Producer.Transaction.Timeout = time.Duration(command.TimeoutMs) * time.Millisecond
	config.Producer.Partitioner = sarama.NewManualPartitioner
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Return.Successes = true
	config.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer(c.bootstrap, config)
	return &transactor{producer}, err
}

func (t *transactor) Begin() error { return t.producer.BeginTxn() }

func (t *transactor) Send(command adapter.Command) error {
	var messages []*sarama.ProducerMessage
	for _, record := range command.Records {
		messages = append(messages, &sarama.ProducerMessage{Topic: command.Topic, Partition: *command.Partition,
			Key: encoder(record.Key), Value: encoder(record.Value)})
	}
	return t.producer.SendMessages(messages)
}

func (t *transactor) SendOffsets(of adapter.Member) error {
	m := of.(*member)
	var offsets []*sarama.PartitionOffsetMetadata
	for partition, offset := range m.positions {
		offsets = append(offsets, &sarama.PartitionOffsetMetadata{Partition: partition, Offset: offset, LeaderEpoch: -1})
	}
	return t.producer.AddOffsetsToTxn(map[string][]*sarama.PartitionOffsetMetadata{m.topic: offsets}, m.name)
}

func (t *transactor) End(commit bool) error {
	if commit {
		return t.producer.CommitTxn()
	}
	return t.producer.AbortTxn()
}

func (t *transactor) Close() { t.producer.Close() }
