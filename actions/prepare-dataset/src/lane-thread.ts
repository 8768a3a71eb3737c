import '@prometheus-actions/dataset/lane-thread';
