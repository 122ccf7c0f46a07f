// sarama.
package main

import (
	"fmt"
	"sort"
	"time"

	"github.com/IBM/sarama"

	"dohle/clients/adapter"
)

type client struct {
	bootstrap []string
	client    sarama.Client
	admin     sarama.ClusterAdmin
}

func main() {
	bootstrap := adapter.Bootstrap()
	c := adapter.Must(sarama.NewClient(bootstrap, config()))
	adapter.Serve(&client{bootstrap, c, adapter.Must(sarama.NewClusterAdminFromClient(c))})
}

// config has the newest protocol that sarama knows.
func config() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.MaxVersion
	c.Producer.Retry.Max = 50 // a topic that is created on the way may take a while
	c.Metadata.Retry.Max = 50
	c.Consumer.MaxWaitTime = adapter.Heartbeat
	prepare(c)
	return c
}

func (c *client) CreateTopic(topic string, partitions int32, configs map[string]*string) error {
	detail := sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: configs}
	return c.admin.CreateTopic(topic, &detail, false)
}

func (c *client) DeleteTopic(topic string) error {
	return c.admin.DeleteTopic(topic)
}

func (c *client) CreatePartitions(topic string, total int32) error {
	return c.admin.CreatePartitions(topic, total, nil, false)
}

func (c *client) Leaders(topic string) ([]int32, error) {
	topics, err := c.admin.DescribeTopics([]string{topic})
	if err != nil {
		return nil, err
	}
	if topics[0].Err != sarama.ErrNoError {
		return nil, topics[0].Err
	}
	partitions := topics[0].Partitions
	sort.Slice(partitions, func(a, b int) bool { return partitions[a].ID < partitions[b].ID })
	var leaders []int32
	for _, partition := range partitions {
		leaders = append(leaders, partition.Leader)
	}
	return leaders, nil
}

func (c *client) Configs(topic string) (map[string]string, error) {
	entries, err := c.admin.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic})
	configs := map[string]string{}
	for _, entry := range entries {
		configs[entry.Name] = entry.Value
	}
	return configs, err
}

func (c *client) AlterConfig(topic, name string, value *string) error {
	return alterConfig(c.admin, topic, name, value)
}

// ListOffset: the numbers for the earliest and the latest offset are sarama's own too.
func (c *client) ListOffset(topic string, partition int32, at int64) (int64, error) {
	return c.client.GetOffset(topic, partition, at)
}

func (c *client) DeleteRecords(topic string, partition int32, before int64) error {
	return c.admin.DeleteRecords(topic, map[int32]int64{partition: before})
}

func (c *client) LogSizes(topic string) ([]int64, error) {
	return logSizes(c.admin, topic)
}

var (
	codecs = map[string]sarama.CompressionCodec{
		"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
		"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
	}
	acks = map[string]sarama.RequiredAcks{"0": sarama.NoResponse, "1": sarama.WaitForLocal, "all": sarama.WaitForAll}
)

func (c *client) Produce(command adapter.Command) (string, error) {
	config := config()
	if command.Partition != nil {
		config.Producer.Partitioner = sarama.NewManualPartitioner
	}
	config.Producer.MaxMessageBytes = adapter.MaxMessageBytes
	config.Producer.Compression = codecs[command.Codec]
	config.Producer.RequiredAcks = acks[command.Acks]
	config.Producer.Flush.Frequency = 20 * time.Millisecond
	config.Producer.Return.Successes = true
	config.Producer.Idempotent = command.Idempotent
	if command.Idempotent {
		config.Net.MaxOpenRequests = 1
	}
	producer, err := sarama.NewSyncProducer(c.bootstrap, config)
	if err != nil {
		return "", err
	}
	defer producer.Close()
	var messages []*sarama.ProducerMessage
	for _, record := range command.Records {
		message := &sarama.ProducerMessage{Topic: command.Topic, Key: encoder(record.Key), Value: encoder(record.Value)}
		if command.Partition != nil {
			message.Partition = *command.Partition
		}
		for _, header := range record.Headers {
			message.Headers = append(message.Headers, sarama.RecordHeader{Key: []byte(header.Name), Value: header.Value})
		}
		messages = append(messages, message)
	}
	return "fnv1a", producer.SendMessages(messages)
}

// encoder keeps a null a null: an Encoder of nil bytes would be empty.
func encoder(content []byte) sarama.Encoder {
	if content == nil {
		return nil
	}
	return sarama.ByteEncoder(content)
}

func (c *client) Fetch(topic string, partition int32, start int64, count int, committed bool) ([]adapter.Record, error) {
	config := config()
	config.Consumer.MaxProcessingTime = adapter.Timeout // a large record may take long
	if committed {
		config.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	consumer, err := sarama.NewConsumer(c.bootstrap, config)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	messages, err := consumer.ConsumePartition(topic, partition, start)
	if err != nil {
		return nil, err
	}
	defer messages.Close()
	var records []adapter.Record
	timeout := time.After(adapter.Timeout)
	for len(records) < count {
		select {
		case m := <-messages.Messages():
			record := adapter.Record{Offset: m.Offset, Timestamp: m.Timestamp.UnixMilli(), Key: m.Key, Value: m.Value,
				Headers: []adapter.Header{}}
			for _, header := range m.Headers {
				record.Headers = append(record.Headers, adapter.Header{Name: string(header.Key), Value: header.Value})
			}
			records = append(records, record)
		case <-timeout:
			return nil, fmt.Errorf("%d records did not come", count-len(records))
		}
	}
	return records, nil
}
