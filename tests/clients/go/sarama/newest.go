//go:build !old

package main

import (
	"github.com/IBM/sarama"

	"dohle/clients/adapter"
)

// This file is what the newest sarama has and the one of 2021, in old.go, has not.

func setAssignor(config *sarama.Config, name string) error {
	strategies := map[string]sarama.BalanceStrategy{
		"range": sarama.NewBalanceStrategyRange(), "roundrobin": sarama.NewBalanceStrategyRoundRobin(),
		"sticky": sarama.NewBalanceStrategySticky(), "cooperative-sticky": sarama.NewBalanceStrategyCooperativeSticky(),
	}
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategies[name]}
	return nil
}

func setInstance(config *sarama.Config, instance string) error {
	config.Consumer.Group.InstanceId = instance
	return nil
}

func pause(group sarama.ConsumerGroup, partitions map[string][]int32) error {
	group.Pause(partitions)
	return nil
}

func resume(group sarama.ConsumerGroup, partitions map[string][]int32) error {
	group.Resume(partitions)
	return nil
}

func alterOffset(admin sarama.ClusterAdmin, group, topic string, partition int32, offset int64) error {
	changes := map[string]map[int32]sarama.OffsetAndMetadata{topic: {partition: {Offset: offset}}}
	answer, err := admin.AlterConsumerGroupOffsets(group, changes, nil)
	if err != nil {
		return err
	}
	if code := answer.Errors[topic][partition]; code != sarama.ErrNoError {
		return code
	}
	return nil
}

func alterConfig(admin sarama.ClusterAdmin, topic, name string, value *string) error {
	change := sarama.IncrementalAlterConfigsEntry{Operation: sarama.IncrementalAlterConfigsOperationSet, Value: value}
	if value == nil {
		change.Operation = sarama.IncrementalAlterConfigsOperationDelete
	}
	changes := map[string]sarama.IncrementalAlterConfigsEntry{name: change}
	return admin.IncrementalAlterConfig(sarama.TopicResource, topic, changes, false)
}

func prepare(*sarama.Config) {}

func logSizes(admin sarama.ClusterAdmin, topic string) ([]int64, error) {
	brokers, err := admin.DescribeLogDirs([]int32{1})
	sizes := map[int32]int64{}
	for _, directory := range brokers[1] {
		for _, described := range directory.Topics {
			for _, partition := range described.Partitions {
				if described.Topic == topic {
					sizes[partition.PartitionID] = partition.Size
				}
			}
		}
	}
	return adapter.InOrder(sizes), err
}
