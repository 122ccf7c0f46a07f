package main

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"dohle/clients/adapter"
)

type member struct {
	topic  string
	client *kgo.Client
	share  adapter.Share
}

var balancers = map[string]kgo.GroupBalancer{"range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(),
	"sticky": kgo.StickyBalancer(), "cooperative-sticky": kgo.CooperativeStickyBalancer()}

func (f *franz) Join(command adapter.Command) (adapter.Member, error) {
	m := &member{topic: command.Topic}
	taken := func(_ context.Context, _ *kgo.Client, places map[string][]int32) { m.share.Revoke(places[m.topic]) }
	options := []kgo.Opt{
		f.bootstrap, kgo.ConsumerGroup(command.Group), kgo.ConsumeTopics(command.Topic), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.SessionTimeout(time.Duration(command.SessionMs) * time.Millisecond), kgo.HeartbeatInterval(adapter.Heartbeat),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, places map[string][]int32) {
			m.share.Add(places[m.topic])
			m.share.Rebalanced()
		}),
		kgo.OnPartitionsRevoked(taken), kgo.OnPartitionsLost(taken),
	}
	if command.Assignor != "" {
		options = append(options, kgo.Balancers(balancers[command.Assignor]))
	}
	if command.Instance != "" {
		options = append(options, kgo.InstanceID(command.Instance))
	}
	var err error
	m.client, err = kgo.NewClient(options...)
	return m, err
}

func (m *member) Poll(wait time.Duration) ([]adapter.Consumed, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	fetches := m.client.PollFetches(ctx)
	var records []adapter.Consumed
	fetches.EachRecord(func(r *kgo.Record) {
		records = append(records, adapter.Consumed{Partition: r.Partition, Offset: r.Offset, Value: r.Value})
	})
	// A broker that is away ends the session; franz-go joins again by itself.
	if err := fetches.Err(); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.As(err, new(*kgo.ErrGroupSession)) {
		return nil, err
	}
	return records, nil
}

func (m *member) Commit(async bool) error {
	ctx, cancel := limited()
	if async {
		m.client.CommitOffsets(ctx, m.client.UncommittedOffsets(), nil)
		return nil // the context ends after its time
	}
	defer cancel()
	return m.client.CommitUncommittedOffsets(ctx)
}

func (m *member) Committed() (map[int32]int64, error) {
	offsets := map[int32]int64{}
	for partition, committed := range m.client.CommittedOffsets()[m.topic] {
		offsets[partition] = committed.Offset
	}
	return offsets, nil
}

func (m *member) Seek(partition int32, offset int64) error {
	m.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{m.topic: {partition: {Epoch: -1, Offset: offset}}})
	return nil
}

func (m *member) Pause(partitions []int32) error {
	m.client.PauseFetchPartitions(map[string][]int32{m.topic: partitions})
	return nil
}

func (m *member) Resume(partitions []int32) error {
	m.client.ResumeFetchPartitions(map[string][]int32{m.topic: partitions})
	return nil
}

func (m *member) Leave() error {
	m.client.Close() // a member with an instance id does not say that it leaves
	return nil
}

func (m *member) Share() *adapter.Share { return &m.share }

func (f *franz) ListGroups() ([]string, error) {
	ctx, cancel := limited()
	defer cancel()
	groups, err := f.admin.ListGroups(ctx)
	return groups.Groups(), err
}

func (f *franz) DescribeGroup(group string) (*adapter.Description, error) {
	ctx, cancel := limited()
	defer cancel()
	groups, err := f.admin.DescribeGroups(ctx, group)
	if err = errors.Join(err, groups.Error()); err != nil {
		return nil, err
	}
	description := adapter.Description{State: groups[group].State, Members: []adapter.DescribedMember{}}
	for _, member := range groups[group].Members {
		described := adapter.DescribedMember{Partitions: []int32{}}
		if assigned, known := member.Assigned.AsConsumer(); known {
			for _, topic := range assigned.Topics {
				described.Partitions = append(described.Partitions, topic.Partitions...)
			}
		}
		description.Members = append(description.Members, described)
	}
	return &description, nil
}

func (f *franz) DeleteGroup(group string) error {
	ctx, cancel := limited()
	defer cancel()
	_, err := f.admin.DeleteGroup(ctx, group)
	return err
}

func (f *franz) GroupOffsets(group, topic string) (map[int32]int64, error) {
	ctx, cancel := limited()
	defer cancel()
	committed, err := f.admin.FetchOffsets(ctx, group)
	offsets := map[int32]int64{}
	for partition, answer := range committed[topic] {
		offsets[partition] = answer.At
		err = errors.Join(err, answer.Err)
	}
	return offsets, err
}

func (f *franz) AlterGroupOffset(group, topic string, partition int32, offset int64) error {
	ctx, cancel := limited()
	defer cancel()
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, partition, offset, -1)
	return f.admin.CommitAllOffsets(ctx, group, offsets)
}

func (f *franz) DeleteGroupOffset(group, topic string, partition int32) error {
	ctx, cancel := limited()
	defer cancel()
	answers, err := f.admin.DeleteOffsets(ctx, group, kadm.TopicsSet{topic: {partition: {}}})
	return errors.Join(err, answers.Error())
}
