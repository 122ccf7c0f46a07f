//go:build old

package main

import (
	"time"

	"github.com/IBM/sarama"

	"dohle/clients/adapter"
)

// This file is what sarama of 2021 has in place of newest.go.

func setAssignor(config *sarama.Config, name string) error {
	strategies := map[string]sarama.BalanceStrategy{"range": sarama.BalanceStrategyRange,
		"roundrobin": sarama.BalanceStrategyRoundRobin, "sticky": sarama.BalanceStrategySticky}
	strategy, has := strategies[name]
	if !has {
		return adapter.Unsupported("sarama of 2021 has no " + name)
	}
	config.Consumer.Group.Rebalance.Strategy = strategy
	return nil
}

func setInstance(_ *sarama.Config, instance string) error {
	if instance != "" {
		return adapter.Unsupported("sarama of 2021 has no static members")
	}
	return nil
}

func pause(sarama.ConsumerGroup, map[string][]int32) error {
	return adapter.Unsupported("sarama of 2021 does not pause")
}

func resume(sarama.ConsumerGroup, map[string][]int32) error {
	return adapter.Unsupported("sarama of 2021 does not pause")
}

func alterOffset(sarama.ClusterAdmin, string, string, int32, int64) error {
	return adapter.Unsupported("sarama of 2021 does not alter offsets of others")
}

// alterConfig sets this configuration and all others back to their defaults: AlterConfigs cannot do less.
func alterConfig(admin sarama.ClusterAdmin, topic, name string, value *string) error {
	changes := map[string]*string{}
	if value != nil {
		changes[name] = value
	}
	return admin.AlterConfig(sarama.TopicResource, topic, changes, false)
}

// prepare: without a retention it commits by version 1 of OffsetCommit, which Kafka 4 has no more.
func prepare(config *sarama.Config) {
	config.Consumer.Offsets.Retention = 24 * time.Hour
}

func logSizes(sarama.ClusterAdmin, string) ([]int64, error) {
	return nil, adapter.Unsupported("sarama of 2021 asks version 0 of DescribeLogDirs, which Kafka 4 has no more")
}
