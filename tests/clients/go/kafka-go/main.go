// kafka-go, of segmentio.
package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/segmentio/kafka-go"

	"dohle/clients/adapter"
)

type client struct {
	bootstrap []string
	client    *kafka.Client
}

func main() {
	bootstrap := adapter.Bootstrap()
	adapter.Serve(&client{bootstrap, &kafka.Client{Addr: kafka.TCP(bootstrap...), Timeout: adapter.Timeout,
		Transport: &kafka.Transport{MetadataTTL: adapter.Heartbeat}}})
}

func (c *client) CreateTopic(topic string, partitions int32, configs map[string]*string) error {
	config := kafka.TopicConfig{Topic: topic, NumPartitions: int(partitions), ReplicationFactor: 1}
	for name, value := range configs {
		config.ConfigEntries = append(config.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: *value})
	}
	answer, err := c.client.CreateTopics(context.Background(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{config}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

func (c *client) DeleteTopic(topic string) error {
	answer, err := c.client.DeleteTopics(context.Background(), &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

func (c *client) CreatePartitions(topic string, total int32) error {
	answer, err := c.client.CreatePartitions(context.Background(), &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: total}}})
	if err != nil {
		return err
	}
	return answer.Errors[topic]
}

// partitions asks the broker; Client.Metadata would answer out of a cache.
func (c *client) partitions(topic string) ([]kafka.Partition, error) {
	partitions, err := kafka.DefaultDialer.LookupPartitions(context.Background(), "tcp", c.bootstrap[0], topic)
	sort.Slice(partitions, func(a, b int) bool { return partitions[a].ID < partitions[b].ID })
	return partitions, err
}

func (c *client) Leaders(topic string) ([]int32, error) {
	partitions, err := c.partitions(topic)
	var leaders []int32
	for _, partition := range partitions {
		leaders = append(leaders, int32(partition.Leader.ID))
	}
	return leaders, err
}

func (c *client) Configs(topic string) (map[string]string, error) {
	answer, err := c.client.DescribeConfigs(context.Background(), &kafka.DescribeConfigsRequest{
		Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic}}})
	if err != nil {
		return nil, err
	}
	configs := map[string]string{}
	for _, entry := range answer.Resources[0].ConfigEntries {
		configs[entry.ConfigName] = entry.ConfigValue
	}
	return configs, answer.Resources[0].Error
}

func (c *client) AlterConfig(topic, name string, value *string) error {
	change := kafka.IncrementalAlterConfigsRequestConfig{Name: name, ConfigOperation: kafka.ConfigOperationDelete}
	if value != nil {
		change.Value, change.ConfigOperation = *value, kafka.ConfigOperationSet
	}
	answer, err := c.client.IncrementalAlterConfigs(context.Background(), &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
			Configs: []kafka.IncrementalAlterConfigsRequestConfig{change}}}})
	if err != nil {
		return err
	}
	return answer.Resources[0].Error
}

func (c *client) ListOffset(topic string, partition int32, at int64) (int64, error) {
	query := kafka.OffsetRequest{Partition: int(partition), Timestamp: at} // the numbers of Kafka
	answer, err := c.client.ListOffsets(context.Background(),
		&kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: {query}}})
	if err != nil {
		return 0, err
	}
	found := answer.Topics[topic][0]
	switch at {
	case adapter.Earliest:
		return found.FirstOffset, found.Error
	case adapter.Latest:
		return found.LastOffset, found.Error
	}
	for offset := range found.Offsets {
		return offset, found.Error
	}
	return -1, found.Error
}

func (c *client) DeleteRecords(string, int32, int64) error {
	return adapter.Unsupported("kafka-go has no DeleteRecords")
}

func (c *client) LogSizes(string) ([]int64, error) {
	return nil, adapter.Unsupported("kafka-go has no DescribeLogDirs")
}

var (
	codecs = map[string]kafka.Compression{"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd}
	acks   = map[string]kafka.RequiredAcks{"0": kafka.RequireNone, "1": kafka.RequireOne, "all": kafka.RequireAll}
)

func (c *client) writer(topic string, partition *int32) *kafka.Writer {
	writer := &kafka.Writer{Addr: kafka.TCP(c.bootstrap...), Topic: topic, Transport: &kafka.Transport{}, Balancer: &kafka.Hash{},
		BatchTimeout: 20 * time.Millisecond, BatchBytes: adapter.MaxMessageBytes, AllowAutoTopicCreation: true}
	if partition != nil {
		writer.Balancer = kafka.BalancerFunc(func(kafka.Message, ...int) int { return int(*partition) })
	}
	return writer
}

func (c *client) Produce(command adapter.Command) (string, error) {
	if command.Idempotent {
		return "", adapter.Unsupported("kafka-go has no idempotent producer")
	}
	writer := c.writer(command.Topic, command.Partition)
	writer.Compression = codecs[command.Codec]
	writer.RequiredAcks = acks[command.Acks]
	var messages []kafka.Message
	for _, record := range command.Records {
		if isEmpty(record.Key) || isEmpty(record.Value) {
			return "", adapter.Unsupported("kafka-go sends empty as null")
		}
		message := kafka.Message{Key: record.Key, Value: record.Value}
		for _, header := range record.Headers {
			if isEmpty(header.Value) {
				return "", adapter.Unsupported("kafka-go sends empty as null")
			}
			message.Headers = append(message.Headers, kafka.Header{Key: header.Name, Value: header.Value})
		}
		messages = append(messages, message)
	}
	return "fnv1a", errors.Join(write(writer, messages), writer.Close())
}

func isEmpty(content []byte) bool { return content != nil && len(content) == 0 }

// write tries again while the topic is created; kafka-go leaves that to the application.
func write(writer *kafka.Writer, messages []kafka.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), adapter.Timeout)
	defer cancel()
	for {
		err := writer.WriteMessages(ctx, messages...)
		if !errors.Is(err, kafka.UnknownTopicOrPartition) && !errors.Is(err, kafka.LeaderNotAvailable) || ctx.Err() != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (c *client) Fetch(topic string, partition int32, start int64, count int, committed bool) ([]adapter.Record, error) {
	isolation := kafka.ReadUncommitted
	if committed {
		isolation = kafka.ReadCommitted
	}
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: c.bootstrap, Topic: topic, Partition: int(partition),
		MaxBytes: adapter.MaxMessageBytes, MaxWait: adapter.Heartbeat, IsolationLevel: isolation})
	defer reader.Close()
	if err := reader.SetOffset(start); err != nil { // the numbers for the first and the next one are Kafka's too
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), adapter.Timeout)
	defer cancel()
	var records []adapter.Record
	for len(records) < count {
		m, err := reader.ReadMessage(ctx)
		if err != nil {
			return nil, fmt.Errorf("%d records did not come: %w", count-len(records), err)
		}
		record := adapter.Record{Offset: m.Offset, Timestamp: m.Time.UnixMilli(), Key: m.Key, Value: m.Value,
			Headers: []adapter.Header{}}
		for _, header := range m.Headers {
			record.Headers = append(record.Headers, adapter.Header{Name: header.Key, Value: header.Value})
		}
		records = append(records, record)
	}
	return records, nil
}
