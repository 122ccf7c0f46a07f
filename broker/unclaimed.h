/* Folders of partitions that no topic claims. See unclaimed.c. */
#ifndef DOHLE_BROKER_UNCLAIMED_H
#define DOHLE_BROKER_UNCLAIMED_H

struct broker;

/* Look through the data folders once the catalog is complete, and log what is found. */
void unclaimed_folders_tell(struct broker *broker);

#endif
