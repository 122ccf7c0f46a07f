// franz-go.
package main

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"dohle/clients/adapter"
)

type franz struct {
	bootstrap kgo.Opt
	admin     *kadm.Client
}

func main() {
	bootstrap := kgo.SeedBrokers(adapter.Bootstrap()...)
	adapter.Serve(&franz{bootstrap, kadm.NewClient(adapter.Must(kgo.NewClient(bootstrap)))})
}

func limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), adapter.Timeout)
}

func (f *franz) CreateTopic(topic string, partitions int32, configs map[string]*string) error {
	ctx, cancel := limited()
	defer cancel()
	_, err := f.admin.CreateTopic(ctx, partitions, 1, configs, topic)
	return err
}

func (f *franz) DeleteTopic(topic string) error {
	ctx, cancel := limited()
	defer cancel()
	_, err := f.admin.DeleteTopic(ctx, topic)
	return err
}

func (f *franz) CreatePartitions(topic string, total int32) error {
	ctx, cancel := limited()
	defer cancel()
	answers, err := f.admin.UpdatePartitions(ctx, int(total), topic)
	return errors.Join(err, answers.Error())
}

func (f *franz) Leaders(topic string) ([]int32, error) {
	ctx, cancel := limited()
	defer cancel()
	topics, err := f.admin.ListTopics(ctx, topic)
	if err = errors.Join(err, topics.Error()); err != nil {
		return nil, err
	}
	var leaders []int32
	for _, partition := range topics[topic].Partitions.Sorted() {
		leaders = append(leaders, partition.Leader)
	}
	return leaders, nil
}

func (f *franz) Configs(topic string) (map[string]string, error) {
	ctx, cancel := limited()
	defer cancel()
	resources, err := f.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return nil, err
	}
	configs := map[string]string{}
	for _, config := range resources[0].Configs {
		configs[config.Key] = config.MaybeValue()
	}
	return configs, resources[0].Err
}

func (f *franz) AlterConfig(topic, name string, value *string) error {
	ctx, cancel := limited()
	defer cancel()
	change := kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: value}
	if value == nil {
		change.Op = kadm.DeleteConfig
	}
	answers, err := f.admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{change}, topic)
	if err != nil {
		return err
	}
	return answers[0].Err
}

func (f *franz) ListOffset(topic string, partition int32, at int64) (int64, error) {
	ctx, cancel := limited()
	defer cancel()
	var offsets kadm.ListedOffsets
	var err error
	switch at {
	case adapter.Earliest:
		offsets, err = f.admin.ListStartOffsets(ctx, topic)
	case adapter.Latest:
		offsets, err = f.admin.ListEndOffsets(ctx, topic)
	default:
		offsets, err = f.admin.ListOffsetsAfterMilli(ctx, at, topic)
	}
	if err = errors.Join(err, offsets.Error()); err != nil {
		return 0, err
	}
	return offsets[topic][partition].Offset, nil
}

func (f *franz) DeleteRecords(topic string, partition int32, before int64) error {
	ctx, cancel := limited()
	defer cancel()
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, partition, before, -1)
	answers, err := f.admin.DeleteRecords(ctx, offsets)
	return errors.Join(err, answers.Error())
}

func (f *franz) LogSizes(topic string) ([]int64, error) {
	ctx, cancel := limited()
	defer cancel()
	brokers, err := f.admin.DescribeAllLogDirs(ctx, nil)
	sizes := map[int32]int64{}
	for _, directories := range brokers {
		err = errors.Join(err, directories.Error())
		directories.EachPartition(func(partition kadm.DescribedLogDirPartition) {
			if partition.Topic == topic {
				sizes[partition.Partition] = partition.Size
			}
		})
	}
	return adapter.InOrder(sizes), err
}

var (
	codecs = map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	acks = map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()}
)

func (f *franz) Produce(command adapter.Command) (string, error) {
	options := []kgo.Opt{
		f.bootstrap, kgo.AllowAutoTopicCreation(), kgo.ProducerBatchMaxBytes(adapter.MaxMessageBytes),
		kgo.ProducerBatchCompression(codecs[command.Codec]), kgo.RequiredAcks(acks[command.Acks]),
		kgo.ProducerLinger(20 * time.Millisecond),
	}
	if !command.Idempotent {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	if command.Partition != nil {
		options = append(options, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		return "", err
	}
	defer client.Close()
	var records []*kgo.Record
	for _, record := range command.Records {
		r := &kgo.Record{Topic: command.Topic, Key: record.Key, Value: record.Value}
		if command.Partition != nil {
			r.Partition = *command.Partition
		}
		for _, header := range record.Headers {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: header.Name, Value: header.Value})
		}
		records = append(records, r)
	}
	ctx, cancel := limited()
	defer cancel()
	return "murmur2", client.ProduceSync(ctx, records...).FirstErr()
}

func (f *franz) Fetch(topic string, partition int32, start int64, count int, committed bool) ([]adapter.Record, error) {
	offset := kgo.NewOffset()
	switch start {
	case adapter.Earliest:
		offset = offset.AtStart()
	case adapter.Latest:
		offset = offset.AtEnd()
	default:
		offset = offset.At(start)
	}
	places := map[string]map[int32]kgo.Offset{topic: {partition: offset}}
	isolation := kgo.ReadUncommitted()
	if committed {
		isolation = kgo.ReadCommitted()
	}
	client, err := kgo.NewClient(f.bootstrap, kgo.ConsumePartitions(places), kgo.FetchIsolationLevel(isolation))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := limited()
	defer cancel()
	var records []adapter.Record
	for len(records) < count {
		fetches := client.PollRecords(ctx, count-len(records))
		if err := fetches.Err(); err != nil {
			return nil, err
		}
		fetches.EachRecord(func(r *kgo.Record) {
			record := adapter.Record{Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value,
				Headers: []adapter.Header{}}
			for _, header := range r.Headers {
				record.Headers = append(record.Headers, adapter.Header{Name: header.Key, Value: header.Value})
			}
			records = append(records, record)
		})
	}
	return records, nil
}
